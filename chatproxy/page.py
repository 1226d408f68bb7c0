"""GET /chat and /chat-api: the chat page, for a link, a redirect or an iframe.

With a good token the page opens. With a `seat` (see page_seat.py) it opens too, and its script looks for the token
in the tab's storage: that is a reload. Everything else is a page that says what to do. What the page and the one
that embeds it say to each other is written down in static/chat/parent.js.
"""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_safe
from rest_framework.exceptions import APIException, AuthenticationFailed

from chatproxy.page_headers import guarded
from chatproxy.page_language import page_language
from chatproxy.page_seat import seat_of, system_of
from chatproxy.page_texts import page_texts
from tenants import tokens
from tenants.models import System

# Everything page.js imports, so that a browser fetches it at once instead of finding it out step by step.
MODULES = [
    "address",
    "answer",
    "api",
    "chat",
    "citations",
    "composer",
    "conversations",
    "copy",
    "data",
    "dom",
    "drawer",
    "feedback",
    "i18n",
    "inputs",
    "markdown",
    "outbox",
    "parent",
    "question",
    "scroll",
    "snackbar",
    "storage",
    "stream",
    "thread",
    "token",
    "turn",
    "uploads",
    "welcome",
]


@require_safe
def chat_page(request: HttpRequest) -> HttpResponse:
    with translation.override(page_language(request)):
        token, seat = request.GET.get("token", ""), request.GET.get("seat", "")
        if token:
            return opened_with(request, token)
        system = system_of(seat) if seat else None
        return opened(request, system, seat) if system else refused(request, "token_missing", 401, [])


def opened_with(request: HttpRequest, token: str) -> HttpResponse:
    try:
        caller = tokens.verified(token)
    except APIException as error:
        return refused(request, reason(error), error.status_code, origins_named_by(token))
    return opened(request, caller.system, seat_of(caller))


def opened(request: HttpRequest, system: System, seat: str) -> HttpResponse:
    data = page_data(request, system.origins) | {
        "seat": seat,
        "system": system.name,
        "api": reverse("conversations").removesuffix("conversations"),
        "render": reverse("chat-render"),
        "maxFileBytes": settings.CHAT_MAX_FILE_BYTES,
        "turnSeconds": settings.DIFY_TOTAL_TIMEOUT,
    }
    return page("chat/page.html", data | {"title": system.name}, 200, system.origins)


def refused(request: HttpRequest, why: str, status: int, origins: list[str]) -> HttpResponse:
    texts = page_texts()
    data = page_data(request, origins) | {"why": why, "title": texts["refused_title"]}
    advice = texts.get(f"refused_{why}", texts["refused_token_invalid"])
    return page("chat/refused.html", {**data, "advice": advice}, status, origins)


def page_data(request: HttpRequest, origins: list[str]) -> dict[str, Any]:
    embed = request.GET.get("embed", "").lower() not in ("", "0", "false", "no", "off")
    language = translation.get_language()
    return {"embed": embed, "lang": language, "origins": origins, "texts": page_texts()}


def page(template: str, data: dict[str, Any], status: int, origins: Iterable[str]) -> HttpResponse:
    # Rendered without the request: nothing on this page may touch a session, a cookie or a CSRF token.
    html = render_to_string(template, {**data, "data": data, "modules": [f"chat/{name}.js" for name in MODULES]})
    return guarded(HttpResponse(html, status=status, headers={"Content-Language": data["lang"]}), origins)


def reason(error: APIException) -> str:
    """token_invalid, token_expired or permission_denied."""
    code = str(error.get_codes())
    return code if isinstance(error, AuthenticationFailed) or code == "permission_denied" else "token_invalid"


def origins_named_by(token: str) -> list[str]:
    """Who may frame the refusal: the sites of the system that the token claims to be of.

    The claim is not proven, and need not be: the page says nothing but that the token is no good, and a widget with
    an expired token has to show that, and to fetch another, instead of the browser's broken frame.
    """
    if len(token) > tokens.MAX_TOKEN_CHARACTERS:
        return []
    try:
        return tokens.system_of(tokens.unverified(token)[1]).origins
    except APIException:
        return []
