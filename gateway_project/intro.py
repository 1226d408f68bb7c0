"""GET /: what the gateway is, for people who come to it for the first time."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gateway_project.page_policy import guarded


@require_safe
def intro(request: HttpRequest) -> HttpResponse:
    return guarded(render(request, "intro.html", {"public_url": settings.PUBLIC_URL}))
