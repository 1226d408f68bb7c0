"""CORS by system: the pages of a system's allowed origins may call what browsers call, and nobody else's.

django-cors-headers asks here, by its signal, about every request that carries an Origin. There is no wildcard and
there are no credentials. A preflight has no key, so it goes by the `system_id` of the address; where that is left
out, any system that allows the origin will do. Nothing is given away by that: the call itself, which has the key,
is refused unless the system of that key allows the origin, and then the browser is not shown the answer either.
"""

import re
from typing import Any

from corsheaders.signals import check_request_enabled
from django.dispatch import receiver
from django.http import HttpRequest

from tenants import directory
from tenants.models import SYSTEM_ID, System

CALLED_BY_BROWSERS = {"/v1/chat-token"}


def allows(system: System, origin: str | None) -> bool:
    """Origins are kept as browsers write them. `null`, which any sandboxed page can send, is never among them."""
    return system.enabled and origin in system.origins


@receiver(check_request_enabled, dispatch_uid="tenants.cors")
def may_call(request: HttpRequest, **_: Any) -> bool:
    origin = request.headers.get("Origin")
    if not origin or request.path_info not in CALLED_BY_BROWSERS:
        return False
    system_id = system_of_key(request) or request.GET.get("system_id")
    if not system_id:
        return request.method == "OPTIONS" and allowed_somewhere(origin)
    return allowed_by(system_id, origin)


def system_of_key(request: HttpRequest) -> str | None:
    try:
        return directory.key_presented(request.headers.get("X-API-Key", "").strip()).system_id
    except directory.Unknown:
        return None


def allowed_by(system_id: str, origin: str) -> bool:
    if not re.fullmatch(SYSTEM_ID, system_id):
        return False
    try:
        return allows(directory.system_named(system_id), origin)
    except directory.Unknown:
        return False


def allowed_somewhere(origin: str) -> bool:
    return any(allows(system, origin) for system in System.objects.filter(enabled=True))
