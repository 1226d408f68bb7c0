"""GET /v1/conversations/{id}/messages: what was said, oldest first."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IDENTITY, LIMIT, PageSerializer
from chatproxy.turn import running
from dify.errors import DifyError
from history import fallback, ownership
from history.dify_rows import seconds_of
from history.links import linked_page
from history.turns import as_two, better_answers, longest_turn, with_running
from tenants.caller import Caller


class MessageSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="`{message_id}_user` or `{message_id}_assistant`.")
    message_id = serializers.CharField(help_text="The id for feedback and suggestions.")
    conversation_id = serializers.CharField()
    role = serializers.ChoiceField(["user", "assistant"])
    content = serializers.CharField()
    created_at = serializers.IntegerField(help_text="Unix seconds.")
    status = serializers.CharField(help_text="pending, answered, stopped or failed.")
    feedback = serializers.CharField(allow_null=True, help_text="like, dislike or null.")
    files = serializers.ListField(child=serializers.DictField())
    citations = serializers.ListField(child=serializers.DictField())
    task_id = serializers.CharField(help_text="Of an answer that is still pending: what stops it. Else empty.")


class MessagesView(CallerView):
    @extend_schema(
        summary="List the messages of a conversation, oldest first",
        description="The newest page comes first; `Link: rel=next` leads to older ones. `limit` counts questions, "
        "each with its answer. If Dify is down, the gateway's own copy is served, with `X-Gateway-Source: cache`.",
        parameters=[*IDENTITY, LIMIT, OpenApiParameter("first_id", description="Continue before this one.")],
        responses=MessageSerializer(many=True),
    )
    def get(self, request: Request, conversation_id: str) -> Response:
        caller = self.caller(request)
        conversation_id = ownership.valid_id(conversation_id)
        ownership.known_conversation(caller, conversation_id)
        page = PageSerializer(data=request.query_params)
        page.is_valid(raise_exception=True)
        limit = page.validated_data["limit"]
        first_id = page.validated_data.get("first_id", "").partition("_")[0]
        first_id = first_id and ownership.valid_id(first_id)
        try:
            turns, more = self.from_dify(caller, conversation_id, limit, first_id)
            source = {}
        except DifyError as error:
            if not fallback.serves(error):
                raise
            turns, more = fallback.messages(caller, conversation_id, limit, first_id)
            source = {"X-Gateway-Source": "cache"}
        following = {"first_id": turns[0]["message_id"]} if more and turns else None
        return linked_page(request, [half for turn in turns for half in as_two(turn)], following, source)

    def from_dify(
        self, caller: Caller, conversation_id: str, limit: int, first_id: str
    ) -> tuple[list[dict[str, Any]], bool]:
        page = self.dify(caller).messages(caller.dify_user, conversation_id, limit=limit, first_id=first_id)
        turns = [from_dify(row, conversation_id) for row in page["data"]]
        since = timezone.now() - longest_turn()
        turns = better_answers(caller, turns, since)
        newest = turns if first_id else with_running(caller, conversation_id, turns, since)
        return [with_live_answer(turn) for turn in newest], bool(page.get("has_more"))


def with_live_answer(shown: dict[str, Any]) -> dict[str, Any]:
    """The ledger has a running answer as it was some seconds ago; the process that runs it has every word."""
    if shown["status"] != "pending" or not shown["message_id"]:
        return shown
    live = next((turn.reply for turn in list(running) if turn.reply.message_id == shown["message_id"]), None)
    return shown | {"answer": live.answer} if live else shown


def from_dify(row: dict[str, Any], conversation_id: str) -> dict[str, Any]:
    feedback = row.get("feedback")
    return {
        "message_id": str(row["id"]),
        "conversation_id": conversation_id,
        "query": str(row.get("query") or ""),
        "answer": str(row.get("answer") or ""),
        "created_at": seconds_of(row.get("created_at")),
        "status": "failed" if row.get("status") == "error" else "answered",
        "feedback": feedback.get("rating") if isinstance(feedback, dict) else None,
        "files": listed(row.get("message_files")),
        "citations": listed(row.get("retriever_resources")),
        "task_id": "",
    }


def listed(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
