"""POST /cache/leave: drops the key that somebody came in with."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from history.pages import key_cookie
from history.pages.headers import guarded


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    return guarded(key_cookie.forgotten(HttpResponseRedirect(reverse("intro"))))
