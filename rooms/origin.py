"""Whose pages may open a socket. A browser sends Origin with every handshake, and lets any page try."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from tenants.models import System


def host_is_ours(host: str) -> bool:
    """Else a name that somebody else's DNS points at us would count as the page's own host."""
    domain, _ = split_domain_port(host)
    allowed = settings.ALLOWED_HOSTS or ([".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    return bool(domain) and validate_host(domain, allowed)


def may_connect(origin: str | None, host: str, system: System) -> bool:
    """Not a browser, our own pages, a page on the same host, or one that the system allows."""
    if origin is None or origin == settings.PUBLIC_URL or origin in system.origins:
        return True
    return hostname(origin) is not None and hostname(origin) == hostname(f"//{host}")


def hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
