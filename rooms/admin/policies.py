"""How each system's people prove who they are in rooms: a page a system, also for those that have the defaults."""

import ipaddress
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from rooms import peer
from rooms.admin.access import ForOperatorsOfItsSystem
from rooms.models import RoomPolicy
from tenants.admin.access import systems_of

NARROWEST = {4: 8, 6: 16}  # the shortest prefix that is accepted: 10.0.0.0/8 is the widest network of one's own
LOOPBACK = peer.networks(["127.0.0.0/8", "::1"])
PROXY_HERE = (
    "This trusts every request that reaches the gateway from the same machine or from one of TRUSTED_PROXIES. A proxy "
    "there must set X-Forwarded-For and be among TRUSTED_PROXIES, or everybody who comes through it is believed."
)


class RoomPolicyForm(forms.ModelForm):
    class Meta:
        model = RoomPolicy
        exclude = ["system"]  # noqa: DJ006, the page's own
        widgets = {"trusted_addresses": UnfoldAdminTextareaWidget({"rows": 4, "spellcheck": "false"})}
        help_texts = {
            "trusted_addresses": "One a line, such as 10.20.0.7 or 10.20.0.0/24: gateways that have already checked "
            "the user whom they name. Whoever sends from there can be anybody of this system. Empty: nobody.",
            "messages_per_minute": "For each person and process; at least 1.",
        }

    def clean_trusted_addresses(self) -> str:
        lines = self.cleaned_data["trusted_addresses"].replace(",", "\n").split()
        return "\n".join(dict.fromkeys(normalized(line) for line in lines))

    def clean_messages_per_minute(self) -> int:
        if self.cleaned_data["messages_per_minute"] < 1:
            raise ValidationError("At least 1. To keep everybody from writing, close the room.")
        return self.cleaned_data["messages_per_minute"]


def normalized(line: str) -> str:
    """`10.0.0.5/24` → `10.0.0.0/24`; one address is written as such. Raises ValidationError."""
    try:
        network = ipaddress.ip_network(line, strict=False)
    except ValueError:
        raise ValidationError(f"“{line}” is no address and no network. Write 10.20.0.7 or 10.20.0.0/24.") from None
    if network.prefixlen < NARROWEST[network.version]:
        raise ValidationError(
            f"“{line}” is too wide: whoever sends from there is believed. Name the addresses of your gateways."
        )
    return str(network.network_address) if network.num_addresses == 1 else str(network)


@admin.register(RoomPolicy)
class RoomPolicyAdmin(ForOperatorsOfItsSystem, ModelAdmin):
    form = RoomPolicyForm
    actions = None
    compressed_fields = False
    warn_unsaved_form = True
    fieldsets = [
        ("Who is believed", {"fields": ["trusted_addresses"]}),
        (
            "Claims of tokens",
            {
                "fields": [
                    "user_id_claim",
                    "name_claim",
                    "email_claim",
                    "role_claim",
                    "trip_id_claim",
                    "trip_role_claim",
                    "profile_url_claim",
                    "service_role",
                ]
            },
        ),
        ("Limits", {"fields": ["messages_per_minute"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoomPolicy]:
        return RoomPolicy.objects.filter(system__in=systems_of(request.user))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> RoomPolicy | None:
        """A system without a row has the defaults; saving makes the row."""
        system = systems_of(request.user).filter(pk=object_id).first() if "\0" not in object_id else None
        if system is None:
            return None
        return RoomPolicy.objects.filter(system=system).first() or RoomPolicy(system=system)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Who is believed in rooms",
            "opts": self.opts,
            "systems": systems_of(request.user).select_related("room_policy"),
        }
        return TemplateResponse(request, "admin/rooms/roompolicy/systems.html", context)

    def response_change(self, request: HttpRequest, obj: RoomPolicy) -> HttpResponse:
        messages.success(request, f"The rooms of {obj.system.name} follow this within seconds.")
        if trusts_a_proxy(obj):
            messages.warning(request, PROXY_HERE)
        return HttpResponseRedirect(request.path)


def trusts_a_proxy(policy: RoomPolicy) -> bool:
    listed = peer.networks(policy.trusted_addresses.splitlines())
    risky = [*LOOPBACK, *settings.TRUSTED_PROXIES]
    return any(ours.version == proxy.version and ours.overlaps(proxy) for ours in listed for proxy in risky)
