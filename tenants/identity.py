"""Proof that a browser speaks for the user it names: `user_hash`, which only the system's server can make."""

import hashlib
import hmac

from rest_framework.exceptions import PermissionDenied

from tenants import visitors
from tenants.errors import NotConfigured
from tenants.models import System
from tenants.sealed import SecretUnreadable

RECIPE = "the hex HMAC-SHA256 of the user_id, keyed with the system's identity secret, made by your server"


def check_proof(system: System, user_id: str, user_hash: str) -> None:
    """Raises PermissionDenied unless the browser may have a token for this user."""
    if user_id.startswith(visitors.PREFIX):
        raise PermissionDenied("Names that begin with “anonymous-” are given by the gateway. Send `visitor` instead.")
    if not system.identity_proof:
        return
    if not user_hash:
        raise PermissionDenied(f"user_hash is missing. It is {RECIPE}.")
    # As bytes, because compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(user_hash.lower().encode(), hash_of(system, user_id).encode()):
        raise PermissionDenied(f"user_hash does not prove this user_id. It must be {RECIPE}.")


def hash_of(system: System, user_id: str) -> str:
    """Raises NotConfigured: with an empty secret anybody could make the proof."""
    try:
        secret = system.identity_secret.reveal()
    except SecretUnreadable as error:
        raise NotConfigured("The identity secret cannot be decrypted: ENCRYPTION_KEYS lacks its key.") from error
    if not secret:
        raise NotConfigured("This system has no identity secret. An operator can create one in the admin.")
    return hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()
