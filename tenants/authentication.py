"""DRF authentication: an API key or a JWT becomes a holder; the request says for whom it speaks."""

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from tenants import directory, tokens
from tenants.caller import KeyHolder, TokenHolder
from tenants.errors import KeyRefused, TokenInvalid
from tenants.models import ApiKey

MAX_KEY_CHARACTERS = 512


class ApiKeyAuthentication(BaseAuthentication):
    """`X-API-Key: <key>`."""

    kinds = {ApiKey.Kind.SECRET}

    def authenticate(self, request: Request) -> tuple[KeyHolder, None] | None:
        text = request.headers.get("X-API-Key")
        return None if text is None else (KeyHolder(self.live_key(text.strip())), None)

    def live_key(self, text: str) -> ApiKey:
        try:
            key = directory.key_presented(text[:MAX_KEY_CHARACTERS])
        except directory.Unknown:
            raise KeyRefused from None
        if not key.live:
            raise KeyRefused
        if key.kind not in self.kinds:
            raise KeyRefused("A publishable key only fetches chat tokens. This needs a secret key.")
        directory.note_use(key)
        return key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class AnyKeyAuthentication(ApiKeyAuthentication):
    """Accepts publishable keys too, for the endpoints that browsers call."""

    kinds = {ApiKey.Kind.SECRET, ApiKey.Kind.PUBLISHABLE}


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`."""

    def authenticate(self, request: Request) -> tuple[TokenHolder, None] | None:
        token = bearer_token(request)
        return None if token is None else (TokenHolder(tokens.verified(token)), None)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def bearer_token(request: Request | HttpRequest) -> str | None:
    return bearer_from(request.headers.get("Authorization"))


def bearer_from(header: str | None) -> str | None:
    """The token of an Authorization header. Raises TokenInvalid for one that has none."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenInvalid("Send the token as “Authorization: Bearer <JWT>”.")
    if token.strip().startswith(tuple(ApiKey.PREFIXES.values())):
        raise TokenInvalid("This is an API key, not a token. Send it in the X-API-Key header.")
    return token.strip()


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = ApiKeyAuthentication
    name = "secretKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "X-API-Key"}


class AnyKeyScheme(ApiKeyScheme):
    target_class = AnyKeyAuthentication
    name = "secretOrPublishableKey"


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "userToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
