"""Signing secrets and the identity secret: made here, shown once, retired with one click."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from tenants.admin.shown_once import shown_once
from tenants.models import SigningSecret, System, new_secret

if TYPE_CHECKING:
    from tenants.admin.system import SystemAdmin


def create(admin: "SystemAdmin", request: HttpRequest, system: System) -> HttpResponse:
    text = new_secret()
    made = SigningSecret.objects.create(system=system, secret=text)
    admin.log_change(request, system, f"Created signing secret kid {made.kid}")
    return shown_once(
        admin,
        request,
        title=f"New signing secret of {system.name}",
        secret=text,
        explanation=f"Sign tokens with it (HS256), and put “kid”: “{made.kid}” into their header. Older secrets stay "
        "valid until you retire them.",
        back=admin.page_of(system),
    )


def retire(admin: "SystemAdmin", request: HttpRequest, system: System, secret_id: int) -> HttpResponse:
    secret = get_object_or_404(system.signing_secrets, pk=secret_id)
    if secret.live:
        secret.retired_at = timezone.now()
        secret.save(update_fields=["retired_at"])
        admin.log_change(request, system, f"Retired signing secret kid {secret.kid}")
    messages.success(request, f"The signing secret {secret.kid} is retired: tokens signed with it are refused.")
    return admin.back_to(system)


def renew_identity(admin: "SystemAdmin", request: HttpRequest, system: System) -> HttpResponse:
    text = new_secret()
    system.identity_secret = text
    system.save(update_fields=["identity_secret"])
    admin.log_change(request, system, "Made a new identity secret")
    return shown_once(
        admin,
        request,
        title=f"New identity secret of {system.name}",
        secret=text,
        explanation="Your server proves a user to the widget with it: user_hash is the hex HMAC-SHA256 of the user id. "
        "Every user_hash made with the former secret is refused from now on.",
        back=admin.page_of(system),
    )


def tokens_in_words(system: System, shared_secret: str) -> tuple[str, str]:
    """What signs this system's tokens now, and how serious that is: "", "warning" or "error"."""
    if system.jwt_algorithm != System.Algorithm.HS256:
        words = f"Tokens are checked with the public keys at {system.jwks_url} ({system.jwt_algorithm}); the signing "
        return words + "secrets below are not used, and the gateway cannot make tokens itself.", "warning"
    secrets = list(system.signing_secrets.all())
    if any(secret.live for secret in secrets):
        return "Tokens signed with any live secret are accepted. To rotate: create one, move over, retire the old.", ""
    if secrets:
        return "All signing secrets are retired: every token of this system is refused. Create one.", "error"
    if shared_secret:
        words = "No secret of its own: the gateway's shared secret (CHAT_GATEWAY_JWT_SECRET) signs and checks its "
        return (
            words + "tokens. From the first secret you create here, tokens signed with the shared one are refused.",
            "",
        )
    return "No signing secret yet: the gateway cannot make or accept tokens for this system. Create one.", "warning"
