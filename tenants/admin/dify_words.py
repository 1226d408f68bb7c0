"""Which Dify serves a system, in words for its page."""

from django.conf import settings

from tenants.models import System


def served_by(system: System | None) -> str:
    shared = f"the gateway's shared Dify at {settings.DIFY_BASE_URL}" if settings.DIFY_BASE_URL else ""
    if system is None or not (system.dify_base_url or system.dify_api_key):
        return without_its_own(shared)
    if system.dify_base_url:
        return "" if system.dify_api_key else "No app key is saved, so this system cannot answer yet."
    if not shared:
        return "No base URL is saved and the gateway has no shared Dify, so this system cannot answer yet."
    return f"Without a base URL of its own, {shared} serves, with this system's own app key."


def without_its_own(shared: str) -> str:
    if not shared:
        return "The gateway has no shared Dify to fall back on, so both are needed."
    key = "with the shared app key" if settings.DIFY_API_KEY else "but it has no shared app key: type this system's"
    return f"Leave the base URL empty, and {shared} serves, {key}."
