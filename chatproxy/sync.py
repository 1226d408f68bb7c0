"""POST /v1/sync and POST /v1/sync/me: what `manage.py sync_dify` does, for one system or for oneself."""

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IdentitySerializer
from history import recorder
from history.sync import lock
from history.sync.run import Sync, known_users
from history.sync.visit import Options
from tenants.caller import Caller, KeyHolder, TokenHolder, claimed_text, claimed_user
from tenants.calls import claims, holder

PATIENCE = 10.0  # seconds, for another sync to end
TRY_AGAIN_AFTER = 30  # seconds


class SyncRunning(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "sync_running"
    default_detail = "Another sync is running. Try again in a moment."
    wait = TRY_AGAIN_AFTER


# Inline, because a serializer class has an `errors` of its own.
SYNCED = inline_serializer(
    "Synced",
    {
        "conversations_synced": serializers.IntegerField(help_text="Conversations that Dify lists."),
        "messages_synced": serializers.IntegerField(help_text="Messages read, of conversations that have moved."),
        "errors": serializers.ListField(child=serializers.CharField(), help_text="Who or what failed, and why."),
    },
)


class SyncView(CallerView):
    @extend_schema(
        summary="Bring a system's history up to date",
        description="For a secret key: every known user of the system, or the one named. One sync runs at a time; if "
        "another does not end within seconds, this answers 409 `sync_running` with `Retry-After`.",
        request=IdentitySerializer,
        responses=SYNCED,
    )
    def post(self, request: Request) -> Response:
        key, claimed = holder(request), claims(request)
        if not isinstance(key, KeyHolder):
            raise PermissionDenied("This needs a secret key. A user's token syncs with POST /v1/sync/me.")
        system = key.system(claimed_text(claimed, "system_id"))
        user_id = claimed_user(claimed)
        if user_id:
            recorder.note_seen(Caller(system, user_id))
        callers = known_users([system.system_id], [user_id] if user_id else [])
        self.dify_of(system)  # says so at once if there is none
        return Response(synced(callers))


class SyncMeView(CallerView):
    @extend_schema(
        summary="Bring my own history up to date",
        description="For a user's token. Else as `POST /v1/sync`.",
        request=IdentitySerializer,
        responses=SYNCED,
    )
    def post(self, request: Request) -> Response:
        if not isinstance(holder(request), TokenHolder):
            raise PermissionDenied("This needs a user's token. A secret key syncs with POST /v1/sync.")
        caller = self.caller(request)
        recorder.note_seen(caller)
        self.dify(caller)
        return Response(synced([caller]))


def synced(callers: list[Caller]) -> dict[str, Any]:
    try:
        with lock.held(PATIENCE) as held:
            report = Sync(Options()).run(callers, held)
    except lock.Locked:
        raise SyncRunning from None
    return {
        "conversations_synced": report.conversations["seen"],
        "messages_synced": report.messages["seen"],
        "errors": [str(problem) for problem in report.problems],
    }
