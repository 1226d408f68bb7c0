"""The page of a system: all of it on one page, from the first address to the snippets."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import escape
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants import connection
from tenants.admin import keys, secrets, test_chat
from tenants.admin.access import ForOperators, rules, systems_of
from tenants.admin.dify_words import served_by
from tenants.admin.system_form import SystemForm
from tenants.models import System
from tenants.sealed import SecretUnreadable
from tenants.snippets import snippets

View = Callable[..., HttpResponse]


@admin.register(System)
class SystemAdmin(ForOperators, ModelAdmin):
    form = SystemForm
    list_display = ["system_id", "name", "dify", "live_keys", "state"]
    list_display_links = ["system_id", "name"]
    list_filter = ["enabled"]
    search_fields = ["system_id", "name"]
    actions = None
    warn_unsaved_form = True
    compressed_fields = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[System]:
        live = Q(api_keys__revoked_at=None) & (
            Q(api_keys__expires_at=None) | Q(api_keys__expires_at__gt=timezone.now())
        )
        return systems_of(request.user).annotate(key_count=Count("api_keys", filter=live, distinct=True))

    # The list -------------------------------------------------------------------------------------------------

    @admin.display(description="Dify")
    def dify(self, system: System) -> str:
        return system.dify_base_url.removesuffix("/v1") or "shared"

    @admin.display(description="live keys", ordering="key_count")
    def live_keys(self, system: System) -> int:
        return system.key_count  # type: ignore[attr-defined]

    @display(description="state", ordering="enabled", label={"enabled": "success", "disabled": "danger"})
    def state(self, system: System) -> str:
        return "enabled" if system.enabled else "disabled"

    # The form -------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: System | None = None) -> list[str]:
        return ["system_id"] if obj else []

    def get_fieldsets(self, request: HttpRequest, obj: System | None = None) -> Any:
        forget = ["forget_dify_api_key"] if obj and obj.dify_api_key else []
        tokens = ["token_lifetime", "jwt_algorithm", "jwks_url", "jwt_issuer", "jwt_audience"]
        # Not for operators: in a Dify app that systems share, it would open another system's conversations.
        prefix = ["dify_user_prefix"] if rules(request) else []
        dify = {"fields": ["dify_base_url", "dify_api_key", *forget, *prefix], "description": escape(served_by(obj))}
        fieldsets = [
            ("System", {"fields": ["system_id", "name", "enabled"]}),
            ("Dify", dify),
            ("Web sites", {"fields": ["allowed_origins", "identity_proof"]}),
            ("Tokens", {"fields": tokens, "classes": ["collapse"]}),
            ("History", {"fields": ["time_zone", "retention_days"], "classes": ["collapse"]}),
        ]
        return fieldsets + (
            [("Operators", {"fields": ["operators"], "classes": ["collapse"]})] if rules(request) else []
        )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "jwks_url":
            kwargs["assume_scheme"] = "https"
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "operators":
            field.widget.can_add_related = field.widget.can_view_related = False
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        system = self.get_object(request, object_id) if object_id else None
        context = {**(extra_context or {}), **(self.sections(system) if system else {})}
        return super().changeform_view(request, object_id, form_url, context)

    def sections(self, system: System) -> dict[str, Any]:
        """What stands below the form of a saved system."""
        words, level = secrets.tokens_in_words(system, settings.CHAT_GATEWAY_JWT_SECRET)
        return {
            "api_keys": system.api_keys.all(),
            "key_form": keys.KeyForm(),
            "signing_secrets": system.signing_secrets.all(),
            "tokens_words": words,
            "tokens_level": level,
            "snippets": snippets(system),
        }

    # Saving ---------------------------------------------------------------------------------------------------

    def response_add(self, request: HttpRequest, obj: System, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, f"{obj.name} is registered. Now create its keys below.")
        return self.saved(request, obj)

    def response_change(self, request: HttpRequest, obj: System) -> HttpResponse:
        messages.success(request, f"{obj.name} is saved.")
        return self.saved(request, obj)

    def saved(self, request: HttpRequest, system: System) -> HttpResponse:
        if "_test" in request.POST:
            # After the commit: Dify may take its time, and no lock on the database should wait for it.
            transaction.on_commit(partial(say_verdict, request, system))
        return self.back_to(system)

    # Deleting -------------------------------------------------------------------------------------------------

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        system = self.get_object(request, object_id)
        if system and self.has_delete_permission(request, system) and has_history(system):
            messages.error(
                request,
                f"{system.name} has a history and cannot be deleted, or what its users said would be lost. "
                "Switch off “enabled” instead: it is refused everywhere then, and nothing is lost.",
            )
            return self.back_to(system)
        return super().delete_view(request, object_id, extra_context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Keys and secrets go with their system, although they cannot be deleted one by one."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected

    # Keys, secrets and the test chat --------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        return [
            self.post_to("keys/", keys.create, "create_key"),
            self.post_to("keys/<int:key_id>/revoke/", keys.revoke, "revoke_key"),
            self.post_to("signing-secrets/", secrets.create, "create_secret"),
            self.post_to("signing-secrets/<int:secret_id>/retire/", secrets.retire, "retire_secret"),
            self.post_to("identity-secret/", secrets.renew_identity, "renew_identity"),
            self.post_to("test-chat/", test_chat.open_test_chat, "test_chat"),
            *super().get_urls(),
        ]

    def post_to(self, route: str, view: View, name: str) -> URLPattern:
        """A URL below a system's, for whoever may change that system. Somebody else's system is not found."""

        def guarded(request: HttpRequest, system_id: str, **found: Any) -> HttpResponse:
            system = self.get_object(request, system_id)
            if system is None:
                raise Http404
            if not self.has_change_permission(request, system):
                raise PermissionDenied
            if request.method != "POST":  # such as after a login in between
                return self.back_to(system)
            with transaction.atomic():
                return view(self, request, system, **found)

        return path(f"<slug:system_id>/{route}", self.admin_site.admin_view(guarded), name=f"tenants_system_{name}")

    def page_of(self, system: System) -> str:
        return reverse("admin:tenants_system_change", args=[system.pk])

    def back_to(self, system: System) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.page_of(system))


def say_verdict(request: HttpRequest, system: System) -> None:
    try:
        verdict = connection.tested(*system.dify_credentials)
    except SecretUnreadable:
        verdict = connection.Verdict(False, "The saved app key cannot be decrypted: ENCRYPTION_KEYS lacks its key.")
    messages.add_message(request, messages.SUCCESS if verdict.works else messages.ERROR, verdict.sentence)


def has_history(system: System) -> bool:
    """Whether anything points at the system that must not go with it. This room does not know who that may be."""
    keepers = [link for link in System._meta.related_objects if getattr(link, "on_delete", None) is models.PROTECT]
    return any(link.related_model._base_manager.filter(**{link.field.name: system}).exists() for link in keepers)
