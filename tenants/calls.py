"""What a request says of itself: who holds the credential, and what is claimed beside it."""

from collections.abc import Mapping
from typing import Any, cast

from django.http import QueryDict
from rest_framework.request import Request

from tenants.caller import Holder


def holder(request: Request) -> Holder:
    """What the authentication classes made of the credential; nothing gets here without one."""
    return cast(Holder, request.user)


def claims(request: Request) -> Mapping[str, Any]:
    """system_id and user_id, from the body or else the address."""
    return {**request.query_params.dict(), **body_of(request)}


def body_of(request: Request) -> dict[str, Any]:
    """The parsers let nothing but objects through, and forms, whose fields are lists until one value is taken."""
    data = request.data
    return cast(dict[str, Any], data.dict() if isinstance(data, QueryDict) else data)
