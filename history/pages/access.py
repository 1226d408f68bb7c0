"""Who may look: staff through the admin's login, at the systems they look after; a secret key at its own.

A key in the cookie goes before the login: it was the last thing that somebody came in with, and Leave drops it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_safe

from history.pages import key_cookie
from history.pages.headers import guarded
from tenants.admin.access import is_superuser, systems_of
from tenants.errors import KeyRefused
from tenants.models import ApiKey, System


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who may look, and at what."""

    name: str  # a username, or the visible part of a key
    systems: list[System]  # by name
    by_key: bool
    sees_all: bool = False  # every system there is, so that a query need not name them

    def system(self, system_id: str) -> System | None:
        """None if there is no such system, or it is not theirs: nobody can tell which."""
        return next((system for system in self.systems if system.system_id == system_id), None)


PageView = Callable[..., HttpResponseBase]


def for_viewers(view: PageView) -> PageView:
    """Calls `view(request, viewer, …)`, or answers with the way in. These pages are English, as the admin is."""

    @require_safe
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override("en"):
            found = entered(request)
            response = view(request, found, *args, **kwargs) if isinstance(found, Viewer) else found
        return guarded(response)

    return answered


def entered(request: HttpRequest) -> Viewer | HttpResponse:
    """The viewer, or what to answer instead."""
    try:
        if "api_key" in request.GET:
            return let_in(request)
        key = key_cookie.remembered(request)
    except KeyRefused as refusal:
        return refused(request, 401, str(refusal.detail))
    return by_key(request, key) if key else by_login(request)


def let_in(request: HttpRequest) -> HttpResponse:
    return key_cookie.exchanged(request, key_cookie.presented(request))


def by_key(request: HttpRequest, key: ApiKey) -> Viewer | HttpResponse:
    systems = [key.system] if key.system else list(System.objects.order_by("name", "system_id"))
    enabled = [system for system in systems if system.enabled]
    if not enabled:
        return refused(request, 403, "This key’s system is disabled.")
    return Viewer(f"{key.prefix}…", enabled, by_key=True)


def by_login(request: HttpRequest) -> Viewer | HttpResponse:
    person = request.user
    if not (person.is_active and getattr(person, "is_staff", False)):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    systems = list(systems_of(person).order_by("name", "system_id"))
    if not systems and not is_superuser(person):
        return refused(request, 403, "You do not operate any system yet. A superuser can add you to one.")
    return Viewer(person.get_username(), systems, by_key=False, sees_all=is_superuser(person))


def refused(request: HttpRequest, status: int, why: str) -> HttpResponse:
    """Says why. A cookie whose key is no good any more is dropped: it would keep its owner from the login."""
    response = render(request, "history/refused.html", {"why": why}, status=status)
    response["Referrer-Policy"] = "no-referrer"
    return response if "api_key" in request.GET else key_cookie.forgotten(response)
