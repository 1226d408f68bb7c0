"""GET /v1/conversations, and renaming and deleting one."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IDENTITY, LIMIT, IdentitySerializer, PageSerializer
from dify.errors import DifyError
from history import fallback, listing, ownership, recorder
from history.dify_rows import seconds_of
from history.links import linked_page
from tenants.caller import Caller


class ConversationSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.IntegerField(help_text="Unix seconds.")
    updated_at = serializers.IntegerField(help_text="Unix seconds.")


class ConversationsView(CallerView):
    @extend_schema(
        summary="List conversations, newest first",
        description="`Link: rel=next` leads to older ones. If Dify is down, the gateway's own copy is served, with "
        "`X-Gateway-Source: cache`.",
        parameters=[*IDENTITY, LIMIT, OpenApiParameter("last_id", description="Continue after this one.")],
        responses=ConversationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        caller = self.caller(request)
        page = PageSerializer(data=request.query_params)
        page.is_valid(raise_exception=True)
        limit, last_id = page.validated_data["limit"], str(page.validated_data.get("last_id", ""))
        try:
            rows, more = self.from_dify(caller, limit, last_id)
            source = {}
        except DifyError as error:
            if not fallback.serves(error):
                raise
            rows, more = fallback.conversations(caller, limit, last_id)
            source = {"X-Gateway-Source": "cache"}
        following = {"last_id": rows[-1]["id"]} if more and rows else None
        return linked_page(request, rows, following, source)

    def from_dify(self, caller: Caller, limit: int, last_id: str) -> tuple[list[dict[str, Any]], bool]:
        page = self.dify(caller).conversations(caller.dify_user, limit=limit, last_id=last_id)
        listing.keep(caller, page["data"])
        return [shown(row) for row in page["data"]], bool(page.get("has_more"))


class ConversationView(CallerView):
    @extend_schema(
        summary="Delete a conversation",
        parameters=IDENTITY,
        request=IdentitySerializer,
        responses={204: None},
    )
    def delete(self, request: Request, conversation_id: str) -> Response:
        caller = self.caller(request)
        ownership.known_conversation(caller, conversation_id)
        self.dify(caller).delete(caller.dify_user, conversation_id)
        recorder.note_deleted(caller, conversation_id)
        return Response(status=204)


class NameSerializer(IdentitySerializer):
    name = serializers.CharField(required=False, max_length=255, help_text="The new name.")
    auto_generate = serializers.BooleanField(default=False, help_text="Let Dify find a name instead.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("name") and not attrs["auto_generate"]:
            raise serializers.ValidationError({"name": ["Give a name, or set auto_generate."]})
        return attrs


class NameView(CallerView):
    @extend_schema(summary="Rename a conversation", request=NameSerializer, responses=ConversationSerializer)
    def post(self, request: Request, conversation_id: str) -> Response:
        caller = self.caller(request)
        ownership.known_conversation(caller, conversation_id)
        wanted = NameSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        name, auto_generate = wanted.validated_data.get("name", ""), wanted.validated_data["auto_generate"]
        dify = self.dify(caller)
        renamed = shown(dify.rename(caller.dify_user, conversation_id, name=name, auto_generate=auto_generate))
        recorder.note_renamed(caller, conversation_id, renamed["name"])
        return Response(renamed)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row of Dify's as the contract has it, whatever a version leaves out."""
    created_at = seconds_of(row.get("created_at"))
    return {
        "id": str(row.get("id") or ""),
        "name": str(row.get("name") or ""),
        "created_at": created_at,
        "updated_at": seconds_of(row.get("updated_at")) or created_at,
    }
