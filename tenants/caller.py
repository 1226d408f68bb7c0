"""Who is asking: a credential, and the system and user it speaks for."""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError

from tenants import directory
from tenants.models import ApiKey, System

MAX_USER_ID = 256  # characters
MAX_DIFY_USER = 255  # characters
HASHED = "sha256:"


@dataclass(frozen=True, slots=True)
class Caller:
    """One user of one system."""

    system: System
    user_id: str

    @property
    def dify_user(self) -> str:
        """`{system_id}_{user_id}`, hashed where Dify would fail: a user over 255 characters is its status 500."""
        prefix = self.system.dify_user_prefix or self.system.system_id
        user = f"{prefix}_{self.user_id}"
        if len(user) <= MAX_DIFY_USER and not self.user_id.startswith(HASHED):
            return user
        return f"{prefix}_{HASHED}{hashlib.sha256(self.user_id.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A server or a browser that presented an API key."""

    key: ApiKey
    is_authenticated = True

    def system(self, claimed: str | None) -> System:
        """The key's system; a key of all systems must say which one it means."""
        if self.key.system_id is None and claimed is None:
            raise ValidationError({"system_id": ["This key is for all systems: say which one."]})
        if self.key.system_id not in (None, claimed or self.key.system_id):
            raise PermissionDenied("This key belongs to another system.")
        return enabled_system(self.key.system_id or claimed or "")

    def caller(self, claimed: Mapping[str, Any]) -> Caller:
        system = self.system(claimed_text(claimed, "system_id"))
        return Caller(system, claimed_user(claimed) or missing("user_id"))


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """A user who presented a JWT. What the request claims must be what the token says."""

    subject: Caller
    is_authenticated = True

    def system(self, claimed: str | None) -> System:
        if claimed not in (None, self.subject.system.system_id):
            raise PermissionDenied("This token belongs to another system.")
        return self.subject.system

    def caller(self, claimed: Mapping[str, Any]) -> Caller:
        self.system(claimed_text(claimed, "system_id"))
        if claimed_user(claimed) not in (None, self.subject.user_id):
            raise PermissionDenied("This token belongs to another user.")
        return self.subject


Holder = KeyHolder | TokenHolder


def enabled_system(system_id: str) -> System:
    """Raises NotFound or PermissionDenied."""
    try:
        system = directory.system_named(system_id)
    except directory.Unknown:
        raise NotFound("There is no such system.") from None
    if not system.enabled:
        raise PermissionDenied("This system is disabled.")
    return system


def missing(field: str) -> Any:
    raise ValidationError({field: ["This field is required."]})


def claimed_text(claimed: Mapping[str, Any], field: str) -> str | None:
    value = claimed.get(field)
    if value is None or isinstance(value, str):
        return value
    raise ValidationError({field: ["This must be text."]})


def claimed_user(claimed: Mapping[str, Any]) -> str | None:
    return None if claimed.get("user_id") is None else valid_user_id(claimed["user_id"])


def valid_user_id(value: Any) -> str:
    """A user id as text; whole numbers are taken as text. Raises ValidationError."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValidationError({"user_id": ["This must be text."]})
    if not value.strip():
        raise ValidationError({"user_id": ["This must not be empty."]})
    if len(value) > MAX_USER_ID:
        raise ValidationError({"user_id": [f"This must have at most {MAX_USER_ID} characters."]})
    if any(map(unprintable, value)):
        raise ValidationError({"user_id": ["This contains control characters or broken text."]})
    return value


def unprintable(character: str) -> bool:
    """Control characters, line separators, lone surrogates, and the mark that a broken encoding leaves behind."""
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
