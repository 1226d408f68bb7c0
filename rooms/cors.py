"""CORS for rooms: pages of allowed origins may call both contracts, with a token in a header.

A preflight has no credential, so any system that allows the origin will do. The call itself is refused unless the
caller's own system allows the origin: rooms/authentication.py.
"""

from typing import Any

from corsheaders.signals import check_request_enabled
from django.dispatch import receiver
from django.http import HttpRequest

from tenants.cors import allowed_somewhere

CONTRACTS = ("/chat/v1/", "/rooms/")
PAGES = "/rooms/test/"


@receiver(check_request_enabled, dispatch_uid="rooms.cors")
def may_call(request: HttpRequest, **_: Any) -> bool:
    origin = request.headers.get("Origin")
    path = f"{request.path_info}/"
    if not origin or path.startswith(PAGES) or not path.startswith(CONTRACTS):
        return False
    return allowed_somewhere(origin)
