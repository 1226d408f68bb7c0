"""DRF authentication for rooms: whatever a request brings along becomes a Person, or the request is refused."""

from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from rooms import origin
from rooms.identity import Credentials, identified
from rooms.person import Person
from tenants.errors import OriginNotAllowed


class RoomsAuthentication(BaseAuthentication):
    """A token, or a gateway that is trusted: see rooms/identity.py."""

    def authenticate(self, request: Request) -> tuple[Person, None]:
        person = identified(Credentials.of_request(request._request))
        if not origin.may_connect(request.headers.get("Origin"), request.get_host(), person.system):
            raise OriginNotAllowed
        return person, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class RoomsView(APIView):
    """For whoever has proven who they are. What they may do in which room is asked of rooms/ledger.py."""

    authentication_classes = [RoomsAuthentication]
    permission_classes: list[Any] = []

    def person(self, request: Request) -> Person:
        return cast(Person, request.user)


class RoomsScheme(OpenApiAuthenticationExtension):
    target_class = RoomsAuthentication
    name = ["roomsToken", "roomsSecretKey"]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        return [token, {"type": "apiKey", "in": "header", "name": "X-API-Key"}]
