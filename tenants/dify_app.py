"""The Dify app of a system, ready to be spoken to."""

from functools import lru_cache

from dify.client import DifyClient
from tenants.errors import NotConfigured
from tenants.models import System
from tenants.sealed import SecretUnreadable


def client_of(system: System) -> DifyClient:
    """Raises NotConfigured where the system has no Dify app, or a key that cannot be decrypted."""
    try:
        base_url, api_key = system.dify_credentials
    except SecretUnreadable as error:
        raise NotConfigured("The system's Dify key cannot be decrypted: ENCRYPTION_KEYS lacks its key.") from error
    if not base_url or not api_key:
        raise NotConfigured
    return _client(base_url, api_key)


@lru_cache(maxsize=1024)
def _client(base_url: str, api_key: str) -> DifyClient:
    return DifyClient(base_url, api_key)
