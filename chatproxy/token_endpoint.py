"""GET /v1/chat-token: a token for one user's chats, for a page with a publishable key or a server with a secret one."""

from typing import Any, cast

from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.vary import vary_on_headers
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatproxy.widget_texts import texts
from tenants import cors, identity, tokens, visitors
from tenants.authentication import AnyKeyAuthentication
from tenants.caller import KeyHolder, valid_user_id
from tenants.errors import OriginNotAllowed
from tenants.models import ApiKey, System

PARAMETERS = [
    OpenApiParameter("system_id", description="May be left out with a key of one system."),
    OpenApiParameter("user_id", description="`anonymous` or nothing: a logged-out visitor."),
    OpenApiParameter("user_hash", description="With a publishable key: " + identity.RECIPE + "."),
    OpenApiParameter("visitor", description="The `visitor` of an earlier answer: the same logged-out visitor again."),
    OpenApiParameter("lang", description="Asks for `ui`; one that is not known is answered in English."),
]


class TextsSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    close = serializers.CharField()
    open = serializers.CharField()
    tokenError = serializers.CharField()  # noqa: N815, the contract's name
    loading = serializers.CharField()


class ChatTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="A JWT: for the chat page, or as `Authorization: Bearer`.")
    expires_at = serializers.IntegerField(help_text="Unix seconds.")
    visitor = serializers.CharField(required=False, help_text="For logged-out visitors: send it back next time.")
    ui = TextsSerializer(required=False, help_text="With `lang`.")


@method_decorator(cache_control(no_store=True), name="dispatch")
@method_decorator(vary_on_headers("Origin", "X-API-Key"), name="dispatch")
class ChatTokenView(APIView):
    authentication_classes = [AnyKeyAuthentication]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "OPTIONS":  # the preflight of an allowed origin never gets here
            raise OriginNotAllowed
        super().initial(request, *args, **kwargs)

    @extend_schema(
        summary="Get a token for one user",
        description="With a publishable key the `Origin` must be among the system's allowed origins, and a named user "
        "must be proven with `user_hash`, unless the system has switched that off.",
        parameters=PARAMETERS,
        responses=ChatTokenSerializer,
    )
    def get(self, request: Request) -> Response:
        query = request.query_params.dict()
        presented = cast(KeyHolder, request.user)  # the only kind of credential accepted here
        system = presented.system(query.get("system_id") or None)
        check_origin(presented.key, system, request.headers.get("Origin"))
        user_id, extra = who(presented.key, system, query)
        token, expires = tokens.issue(system, user_id)
        extra |= {"ui": texts(query["lang"])} if query.get("lang") else {}
        return Response({"token": token, "expires_at": int(expires.timestamp()), **extra})


def check_origin(key: ApiKey, system: System, origin: str | None) -> None:
    """A server sends no Origin. What a page sends must be allowed, whichever key it got hold of."""
    if origin is None and key.kind == ApiKey.Kind.PUBLISHABLE:
        raise OriginNotAllowed("A publishable key works in browsers, which say their Origin. Servers use a secret key.")
    if origin is not None and not cors.allows(system, origin):
        raise OriginNotAllowed(f"{origin} is not among the allowed origins of {system}. An operator can add it.")


def who(key: ApiKey, system: System, query: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The user_id to put into the token, and what else the answer holds."""
    if visitors.is_anonymous(query.get("user_id", "")):
        user_id, visitor = visitors.recognised(system, query.get("visitor", ""))
        return user_id, {"visitor": visitor}
    user_id = valid_user_id(query["user_id"])
    if key.kind == ApiKey.Kind.PUBLISHABLE:
        identity.check_proof(system, user_id, query.get("user_hash", ""))
    return user_id, {}
