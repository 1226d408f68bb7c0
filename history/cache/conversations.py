"""GET /v1/cache/conversations: what the gateway keeps of a system's conversations, newest first."""

from datetime import datetime
from typing import Any

from django.db.models import Count
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from history import cursor
from history.cache.parameters import Asked, ListParameters
from history.cursor import Position
from history.filters import page
from history.links import linked_page
from history.models import Conversation, Message
from tenants.caller import KeyHolder, claimed_text
from tenants.calls import claims, holder
from tenants.models import System

SYSTEM = OpenApiParameter("system_id", description="May be left out with a key of one system.")
USER = OpenApiParameter("user_id", description="Only this user's.")
KIND = "conversations"


class CachedConversationSerializer(serializers.Serializer[Any]):
    conversation_id = serializers.CharField()
    system_id = serializers.CharField()
    user_id = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.IntegerField(help_text="Unix seconds.")
    updated_at = serializers.IntegerField(help_text="Unix seconds.")
    synced_at = serializers.IntegerField(allow_null=True, help_text="Unix seconds; null if never synced.")
    message_count = serializers.IntegerField(help_text="Two for each turn, as the list of messages has them.")


def system_of_key(request: Request) -> System:
    key = holder(request)
    if not isinstance(key, KeyHolder):
        raise PermissionDenied("This needs a secret key.")
    return key.system(claimed_text(claims(request), "system_id"))


class CachedConversationsView(APIView):
    @extend_schema(
        summary="List what is kept of conversations, newest first",
        description="For a secret key: the conversations of its system, without those that were deleted. Dify is not "
        "asked. With a period, those whose life touches it; with words too, those with a turn of the period that has "
        "them all. `Link: rel=next` leads to older ones.",
        parameters=[SYSTEM, USER, ListParameters],
        responses=CachedConversationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = Asked(request, system_of_key(request))
        place = cursor.read(KIND, asked.cursor)
        found = page(asked.filter, asked.limit + 1, lambda rows: cursor.after(rows, "updated_at", place))
        rows, more = found[: asked.limit], len(found) > asked.limit
        following = {"cursor": cursor.written(KIND, Position(rows[-1].updated_at, rows[-1].pk))} if more else None
        return linked_page(request, shown(rows), following, {})


def shown(rows: list[Conversation]) -> list[dict[str, Any]]:
    said = Message.objects.filter(conversation__in=[row.pk for row in rows])
    turns = dict(said.values_list("conversation_id").annotate(Count("pk")))
    return [
        {
            "conversation_id": row.conversation_id,
            "system_id": row.system_id,
            "user_id": row.user_id,
            "name": row.name,
            "created_at": seconds(row.created_at),
            "updated_at": seconds(row.updated_at),
            "synced_at": row.synced_at and seconds(row.synced_at),
            "message_count": 2 * turns.get(row.pk, 0),
        }
        for row in rows
    ]


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())
