"""API keys from the system's page: created and shown once, revoked with one click."""

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin as django_admin
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants.admin.shown_once import shown_once
from tenants.models import ApiKey, System
from tenants.snippets import first_use

if TYPE_CHECKING:
    from datetime import datetime

    from tenants.admin.system import SystemAdmin

LABELS = {ApiKey.Kind.SECRET: "Secret – for your servers", ApiKey.Kind.PUBLISHABLE: "Publishable – for browsers"}
EXPLANATIONS = {
    ApiKey.Kind.SECRET: "Keep it on your servers. Whoever has it can read and write every chat it covers.",
    ApiKey.Kind.PUBLISHABLE: "It may stand in a web page: it only fetches chat tokens, from the allowed origins only.",
}


class KeyForm(forms.Form):
    kind = forms.ChoiceField(
        label="Kind",
        choices=list(LABELS.items()),
        help_text="A secret key reads and writes everything of the system: keep it on your servers. A publishable key "
        "may stand in a web page: it only fetches chat tokens, from the allowed origins only.",
        widget=UnfoldAdminSelectWidget,
    )
    name = forms.CharField(
        label="Name",
        max_length=120,
        required=False,
        help_text="Who uses it, such as “quiz backend”.",
        widget=UnfoldAdminTextInputWidget,
    )
    expires_at = forms.DateTimeField(
        label="Expires",
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
    )

    def __init__(self, data: object = None) -> None:
        super().__init__(data, auto_id="id_key_%s")  # type: ignore[arg-type]
        zone = timezone.get_current_timezone_name()
        self.fields["expires_at"].help_text = f"Time zone {zone}. Leave empty for a key that does not expire."

    def clean_expires_at(self) -> "datetime | None":
        expires = self.cleaned_data["expires_at"]
        if expires and expires <= timezone.now():
            raise ValidationError("This moment has passed. Choose one in the future, or none.")
        return expires


def create(admin: "SystemAdmin", request: HttpRequest, system: System) -> HttpResponse:
    form = KeyForm(request.POST)
    if not form.is_valid():
        return key_form_page(admin, request, form, title=f"New key of {system.name}", back=admin.page_of(system))
    key, text = ApiKey.issue(system, **form.cleaned_data)
    admin.log_change(request, system, f"Created {described(key)}")
    return key_shown_once(admin, request, key, text, back=admin.page_of(system))


def revoke(admin: "SystemAdmin", request: HttpRequest, system: System, key_id: int) -> HttpResponse:
    key = get_object_or_404(system.api_keys, pk=key_id)
    if revoked_now(key):
        admin.log_change(request, system, f"Revoked {described(key)}")
    messages.success(request, f"The key {key} is revoked: whoever still uses it is refused.")
    return admin.back_to(system)


def revoked_now(key: ApiKey) -> bool:
    """Revokes the key; False if it was already."""
    if key.revoked_at:
        return False
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    return True


def described(key: ApiKey) -> str:
    """`secret key sk_abcdefgh… (quiz backend)`, for the log."""
    scope = "" if key.system_id else " for all systems"
    return f"{key.kind} key {key}" + (f" ({key.name})" if key.name else "") + scope


def key_form_page(
    admin: django_admin.ModelAdmin,
    request: HttpRequest,
    form: KeyForm,
    *,
    title: str,
    back: str,
) -> HttpResponse:
    context = {**admin.admin_site.each_context(request), "title": title, "opts": admin.opts, "form": form, "back": back}
    return TemplateResponse(request, "admin/tenants/key_form.html", context)


def key_shown_once(
    admin: django_admin.ModelAdmin,
    request: HttpRequest,
    key: ApiKey,
    text: str,
    *,
    back: str,
) -> HttpResponse:
    scope = f"of {key.system.name}" if key.system else "for all systems"
    return shown_once(
        admin,
        request,
        title=f"New {key.kind} key {scope}",
        secret=text,
        explanation=EXPLANATIONS[ApiKey.Kind(key.kind)],
        example=first_use(key, text),
        back=back,
    )
