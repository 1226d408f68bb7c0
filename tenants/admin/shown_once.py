"""The page that shows a new secret this once: rendered straight from the POST, and kept nowhere."""

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


def shown_once(
    admin: ModelAdmin,
    request: HttpRequest,
    *,
    title: str,
    secret: str,
    explanation: str,
    back: str,
    example: str = "",
) -> HttpResponse:
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "opts": admin.opts,
        "secret": secret,
        "explanation": explanation,
        "example": example,
        "back": back,
    }
    headers = {"Cache-Control": "no-store, private"}
    return TemplateResponse(request, "admin/tenants/shown_once.html", context, headers=headers)
