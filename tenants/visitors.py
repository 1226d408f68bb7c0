"""Logged-out visitors: each has an identity of their own, `anonymous-<random>`.

The browser keeps the signed `visitor` value that it was given and sends it back. Signed, because whoever could name
an identity by guessing or by overhearing a user id could read that visitor's chats.
"""

import secrets

from django.core.signing import BadSignature, Signer

from tenants.models import System

ANONYMOUS = "anonymous"
PREFIX = "anonymous-"


def recognised(system: System, visitor: str) -> tuple[str, str]:
    """The visitor's user_id and the `visitor` value to keep; new ones for what this system did not sign."""
    signer = Signer(salt=f"tenants.visitors.{system.system_id}")
    try:
        name = signer.unsign(visitor)
    except BadSignature:
        name = secrets.token_hex(16)
    return PREFIX + name, signer.sign(name)


def is_anonymous(user_id: str) -> bool:
    return user_id in ("", ANONYMOUS)
