"""GET /rooms/test/: a page to try rooms with, in place of a client's own. For staff, or for anybody while DEBUG is on.

POST /rooms/test/token makes staff a token for somebody of a system that they look after, so that the page also works
where its address is not trusted.
"""

import re
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from rest_framework.exceptions import APIException

from tenants import tokens
from tenants.admin.access import systems_of
from tenants.caller import valid_user_id
from tenants.models import System

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
TOKEN_LIVES = timedelta(hours=1)
CLAIMS = {"nickname": 200, "email": 320, "profile_url": 2000}  # characters at most


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        if not is_staff(request):
            raise Http404
    socket = socket_origin(request)
    return guarded(render(request, "rooms/test.html", {"data": data_for(request, socket)}), socket)


def is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_staff", False))


def data_for(request: HttpRequest, socket: str) -> dict[str, Any]:
    return {
        "socket": socket,
        "api": "/chat/v1/",
        "tokens": reverse("rooms-test-token"),
        "csrf": get_token(request),
        "systems": [{"id": system.pk, "name": system.name} for system in systems_of(request.user)],
    }


def socket_origin(request: HttpRequest) -> str:
    """Behind a proxy the gateway's own host; else the rooms' port of the host by which this browser found us."""
    if settings.HTTPS:
        return str(settings.ROOMS_URL)
    host = re.sub(r":\d+$", "", request.get_host())
    return f"ws://{host}:{settings.ROOMS_PORT}"


def guarded(response: HttpResponse, socket: str) -> HttpResponse:
    policy = {**POLICY, "connect-src": f"'self' {socket}"}
    response["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in policy.items())
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


@require_POST
def token(request: HttpRequest) -> HttpResponse:
    system = systems_of(request.user).filter(pk=request.POST.get("system", "")).first()
    if system is None:
        raise Http404
    try:
        made = token_for(system, request.POST)
    except APIException as error:
        return JsonResponse({"detail": sentence_of(error)}, status=error.status_code)
    who = f"Made a token for the test page of rooms as {request.POST['user_id']}"
    LogEntry.objects.log_actions(cast(int, request.user.pk), [system], CHANGE, who, single_object=True)
    return JsonResponse({"token": made})


def token_for(system: System, given: QueryDict) -> str:
    user_id = valid_user_id(given.get("user_id", ""))
    claims = {name: str(given.get(name, ""))[:most] for name, most in CLAIMS.items()}
    return tokens.issue(system, user_id, TOKEN_LIVES, **claims)[0]


def sentence_of(error: APIException) -> str:
    if isinstance(error.detail, dict):
        return " ".join(f"{name}: {' '.join(map(str, why))}" for name, why in error.detail.items())
    return str(error.detail)
