"""The form of a system: write-only app key, and the rules that need to know what was saved before."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.functional import cached_property
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from dify.addresses import service_url
from tenants.models import System
from tenants.origins import normalized_origins

MOVED = (
    "The saved app key belongs to the Dify at {old}. Type the app key of the new address too, or forget the saved one: "
    "otherwise it would be sent to another server."
)


class SystemForm(forms.ModelForm):
    dify_api_key = forms.CharField(
        label="Dify app key",
        required=False,
        max_length=500,
        validators=[RegexValidator(r"^[\x21-\x7e]+$", "An app key has no spaces and only plain letters and digits.")],
        # What was typed comes back if another field is wrong; what was saved never does.
        widget=UnfoldAdminPasswordWidget({"autocomplete": "off", "spellcheck": "false"}, render_value=True),
        help_text="From “API Access” of the app in Dify. It is encrypted and never shown again.",
    )
    forget_dify_api_key = forms.BooleanField(
        label="Forget the saved app key", required=False, widget=UnfoldBooleanWidget
    )

    class Meta:
        model = System
        fields: list[str] = []  # the admin names them, for each person: SystemAdmin.get_fieldsets
        widgets = {"allowed_origins": UnfoldAdminTextareaWidget({"rows": 4, "spellcheck": "false"})}
        help_texts = {
            "dify_base_url": "Such as https://dify.example.com/v1; the /v1 may be left out.",
            "token_lifetime": "Days hours:minutes:seconds; “1 00:00:00” is a day. At most 30 days.",
            "identity_proof": "A page that names a user must prove it with user_hash, which only your server can make. "
            "Switched off, anyone can read the chats of every user whose id they can guess.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = (effective_origin(self.instance.dify_base_url), bool(self.instance.dify_api_key))
        self.initial.pop("dify_api_key", None)
        if self.instance.dify_api_key:
            self.fields["dify_api_key"].widget.attrs["placeholder"] = "saved – leave empty to keep it"

    def clean_allowed_origins(self) -> str:
        return normalized_origins(self.cleaned_data["allowed_origins"])

    def clean_dify_base_url(self) -> str:
        return service_url(self.cleaned_data["dify_base_url"]) if self.cleaned_data["dify_base_url"] else ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        typed, forget = data.get("dify_api_key"), data.get("forget_dify_api_key")
        if typed and forget:
            self.add_error("forget_dify_api_key", "Either type a new app key or forget the saved one, not both.")
        if not typed and not forget:
            data.pop("dify_api_key", None)  # so that the saved one stays
            self.refuse_to_send_the_key_elsewhere(data.get("dify_base_url"))
        return data

    def refuse_to_send_the_key_elsewhere(self, base_url: str | None) -> None:
        """Whoever may edit a system must not be able to have its saved key sent to a server of theirs."""
        origin, has_key = self.before
        if has_key and base_url is not None and effective_origin(base_url) != origin:
            self.add_error("dify_api_key", MOVED.format(old=origin or "no address"))

    @cached_property
    def changed_data(self) -> list[str]:
        """What the admin log names: forgetting the key is a change of the key."""
        names = [name.removeprefix("forget_") for name in super().changed_data]
        return list(dict.fromkeys(names))


def effective_origin(base_url: str) -> str:
    """Scheme and host of the Dify that serves; the shared one where the system names none; empty if unreadable."""
    try:
        parts = urlsplit(service_url(base_url or settings.DIFY_BASE_URL))
    except ValidationError:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}"
