"""A page of a client system in a visitor's browser, as far as the token endpoint can see it."""

from typing import Any

from django.test import Client

from tenants.models import ApiKey, System

DRILLQUIZ_SITE = "https://www.drillquiz.example"
ELSEWHERE = "https://evil.example"


class Page:
    """Sends what a script on a page of `origin` would send; `origin=None` is no browser at all."""

    def __init__(self, key: str, origin: str | None = DRILLQUIZ_SITE) -> None:
        self.key = key
        self.origin = origin
        self.client = Client(raise_request_exception=False)

    def ask(self, **query: Any) -> Any:
        headers = {"X-API-Key": self.key} | ({"Origin": self.origin} if self.origin else {})
        return self.client.get("/v1/chat-token", query, headers=headers)

    def preflight(self, path: str = "/v1/chat-token", **query: Any) -> Any:
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
        headers = asked | ({"Origin": self.origin} if self.origin else {})
        return self.client.options(path, query_params=query, headers=headers)


def allow(system: System, *origins: str) -> System:
    system.allowed_origins = "\n".join(origins)
    system.save()
    return system


def publishable_key(system: System | None) -> str:
    return ApiKey.issue(system, ApiKey.Kind.PUBLISHABLE)[1]


def secret_key(system: System | None) -> str:
    return ApiKey.issue(system)[1]
