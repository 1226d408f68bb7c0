"""GET /v1/cache/conversations/{id}/messages: what the gateway keeps of one conversation, newest first."""

from typing import Any, NamedTuple

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from history import cursor
from history.cache.conversations import SYSTEM, USER, seconds, system_of_key
from history.cache.parameters import Asked, ListParameters
from history.cursor import Position
from history.filters import turns_of
from history.links import linked_page
from history.models import Conversation, Message
from tenants.models import System

COLUMNS = ("message_id", "query", "answer", "created_at", "status", "feedback")


class CachedMessageSerializer(serializers.Serializer[Any]):
    message_id = serializers.CharField(
        help_text="`{id}_user` or `{id}_assistant`, with the id that Dify gave the turn."
    )
    role = serializers.ChoiceField(["user", "assistant"])
    content = serializers.CharField()
    created_at = serializers.IntegerField(help_text="Unix seconds.")
    status = serializers.CharField(help_text="pending, answered, stopped or failed.")
    feedback = serializers.CharField(allow_null=True, help_text="like, dislike or null.")


class Half(NamedTuple):
    """The list shows a turn as two rows, its answer before its question."""

    turn: Message
    role: str

    @property
    def position(self) -> Position:
        return Position(self.turn.created_at, self.turn.pk, half=self.role == "assistant")


class CachedMessagesView(APIView):
    @extend_schema(
        summary="List what is kept of a conversation's messages, newest first",
        description="For a secret key. `limit` counts messages. With words, the turns that have them all. "
        "`Link: rel=next` leads to older ones.",
        parameters=[SYSTEM, USER, ListParameters],
        responses=CachedMessageSerializer(many=True),
    )
    def get(self, request: Request, conversation_id: str) -> Response:
        system = system_of_key(request)
        asked = Asked(request, system)
        conversation = kept(system, asked.filter.user_id, conversation_id)
        kind = f"messages of {conversation.pk}"
        found = halves(conversation, asked, cursor.read(kind, asked.cursor))
        rows, more = found[: asked.limit], len(found) > asked.limit
        following = {"cursor": cursor.written(kind, rows[-1].position)} if more else None
        return linked_page(request, [shown(half) for half in rows], following, {})


def kept(system: System, user_id: str, conversation_id: str) -> Conversation:
    """Raises NotFound."""
    if not conversation_id.isprintable():
        raise NotFound
    whose = {"user_id": user_id} if user_id else {}
    found = Conversation.objects.filter(
        system=system, conversation_id=conversation_id, deleted_at=None, **whose
    ).first()
    if found is None:
        raise NotFound
    return found


def halves(conversation: Conversation, asked: Asked, place: Position | None) -> list[Half]:
    """More of them than asked for, if there are more."""
    turns = cursor.after(turns_of(conversation, asked.filter), "created_at", place).only(*COLUMNS)
    found = [Half(turn, role) for turn in turns[: asked.limit // 2 + 2] for role in ("assistant", "user")]
    if found and place and place.half and found[0].turn.pk == place.id:
        del found[0]  # it ended the page before
    return found


def shown(half: Half) -> dict[str, Any]:
    turn, is_answer = half.turn, half.role == "assistant"
    return {
        "message_id": f"{turn.message_id or f'turn-{turn.pk}'}_{half.role}",
        "role": half.role,
        "content": turn.answer if is_answer else turn.query,
        "created_at": seconds(turn.created_at),
        "status": turn.status if is_answer else Message.Status.ANSWERED,
        "feedback": (turn.feedback or None) if is_answer else None,
    }
