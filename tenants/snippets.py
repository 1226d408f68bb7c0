"""What an integrating developer pastes: each snippet with the system's own values, and placeholders for secrets."""

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from tenants.models import ApiKey, System


@dataclass(frozen=True, slots=True)
class Snippet:
    name: str
    title: str
    explanation: str
    text: str

    @property
    def slug(self) -> str:
        return self.name.replace(".", "-")


TITLES = {
    "curl.sh": ("curl", "Your server asks for one of its users, with a secret key of the list above."),
    "mint.py": ("Token in Python", "Needs PyJWT and a signing secret; the token speaks for one user, for an hour."),
    "mint.mjs": ("Token in Node", "Needs nothing but Node and a signing secret."),
    "widget.html": ("Widget", "A chat button on your site, which must be among the allowed origins."),
    "iframe.html": ("Iframe", "The chat page inside your own, with a token that your server has just made."),
}
NEED_A_SECRET = {"mint.py", "mint.mjs"}


PLACEHOLDERS = {ApiKey.Kind.SECRET: "YOUR_SECRET_KEY", ApiKey.Kind.PUBLISHABLE: "pk_YOUR_PUBLISHABLE_KEY"}
FIRST_USE = {ApiKey.Kind.SECRET: "curl.sh", ApiKey.Kind.PUBLISHABLE: "widget.html"}


def snippets(system: System) -> list[Snippet]:
    """Those that this system can use: where its own issuer signs, there is no secret to mint with."""
    own_issuer = system.jwt_algorithm != System.Algorithm.HS256
    names = [name for name in TITLES if not (own_issuer and name in NEED_A_SECRET)]
    values = values_of(system)
    return [Snippet(name, *TITLES[name], text=rendered(name, values)) for name in names]


def first_use(key: ApiKey, text: str) -> str:
    """What a new key of one system is for, with the key in it: for the one page that shows it."""
    if key.system is None:
        return ""
    kind = ApiKey.Kind(key.kind)
    return rendered(FIRST_USE[kind], values_of(key.system)).replace(PLACEHOLDERS[kind], text)


def rendered(name: str, values: dict[str, Any]) -> str:
    return render_to_string(f"snippets/{name}", values).strip()


def values_of(system: System) -> dict[str, Any]:
    live = next((secret for secret in system.signing_secrets.all() if secret.live), None)
    return {
        "public_url": settings.PUBLIC_URL,
        "system_id": system.pk,
        "kid": json.dumps(live.kid) if live else "",
        "issuer": json.dumps(system.jwt_issuer) if system.jwt_issuer else "",
        "audience": json.dumps(system.jwt_audience) if system.jwt_audience else "",
        "identity_proof": system.identity_proof,
        "secret_key": PLACEHOLDERS[ApiKey.Kind.SECRET],
        "publishable_key": PLACEHOLDERS[ApiKey.Kind.PUBLISHABLE],
    }
