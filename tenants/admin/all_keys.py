"""All API keys in one list, and the only place that makes keys for all systems. For superusers."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanWidget

from tenants.admin.access import ForSuperusers
from tenants.admin.keys import KeyForm, described, key_form_page, key_shown_once, revoked_now
from tenants.models import ApiKey


class AllSystemsKeyForm(KeyForm):
    all_systems = forms.BooleanField(
        label="This key is for all systems, those of the future included",
        help_text="For a key of one system, open that system's page instead.",
        error_messages={"required": "Say that you mean it, or create a key of one system on that system's page."},
        widget=UnfoldBooleanWidget,
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ForSuperusers, ModelAdmin):
    list_display = ["key", "whose", "sort", "name", "created", "last_used", "expires", "state"]
    list_filter = ["kind", "system"]
    list_select_related = ["system"]
    search_fields = ["prefix", "name", "system__system_id"]
    actions = None
    fields = ["key", "whose", "kind", "name", "created", "last_used", "expires", "state"]
    readonly_fields = fields
    change_form_outer_after_template = "admin/tenants/apikey/revoke.html"

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False  # a revoked key stays in the list, so that the log can be understood

    @admin.display(ordering="prefix")
    def key(self, key: ApiKey) -> str:
        return str(key)

    @admin.display(description="kind", ordering="kind")
    def sort(self, key: ApiKey) -> str:
        return key.kind

    @admin.display(ordering="created_at")
    def created(self, key: ApiKey) -> str:
        return moment(key.created_at)

    @admin.display(ordering="last_used_at")
    def last_used(self, key: ApiKey) -> str:
        return moment(key.last_used_at)

    @admin.display(ordering="expires_at")
    def expires(self, key: ApiKey) -> str:
        return moment(key.expires_at)

    @admin.display(description="system", ordering="system")
    def whose(self, key: ApiKey) -> str:
        return key.system_id or "all systems"

    @display(description="state", label={"live": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        return "revoked" if key.revoked_at else "live" if key.live else "expired"

    def get_urls(self) -> list[URLPattern]:
        revoke = path("<int:key_id>/revoke/", self.admin_site.admin_view(self.revoke), name="tenants_apikey_revoke")
        return [revoke, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise Http404
        form = AllSystemsKeyForm(request.POST or None)
        back = reverse("admin:tenants_apikey_changelist")
        if not form.is_valid():
            return key_form_page(self, request, form, title="New key for all systems", back=back)
        del form.cleaned_data["all_systems"]
        with transaction.atomic():
            key, text = ApiKey.issue(None, **form.cleaned_data)
            self.log_addition(request, key, f"Created {described(key)}")
        return key_shown_once(self, request, key, text, back=back)

    def revoke(self, request: HttpRequest, key_id: int) -> HttpResponse:
        key = self.get_queryset(request).filter(pk=key_id).first()
        if key is None or not self.has_view_permission(request, key):
            raise Http404
        if request.method == "POST":
            with transaction.atomic():
                if revoked_now(key):
                    self.log_change(request, key, f"Revoked {described(key)}")
                    self.log_revocation_of_the_system(request, key)
            messages.success(request, f"The key {key} is revoked: whoever still uses it is refused.")
        return HttpResponseRedirect(reverse("admin:tenants_apikey_changelist"))

    def log_revocation_of_the_system(self, request: HttpRequest, key: ApiKey) -> None:
        """A system's history tells all that happened to its keys, wherever it was done."""
        if key.system:
            self.log_change(request, key.system, f"Revoked {described(key)}")


def moment(when: datetime | None) -> str:
    return date_format(timezone.localtime(when), "Y-m-d H:i") if when else "never"
