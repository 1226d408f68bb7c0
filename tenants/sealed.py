"""Secrets at rest: encrypted in the database, revealed only where they are used.

MultiFernet with the keys of `ENCRYPTION_KEYS`, newest first: the first encrypts, all decrypt.
"""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class SecretUnreadable(Exception):
    """None of the configured encryption keys opens this secret."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    return _fernet(tuple(settings.ENCRYPTION_KEYS))


class Sealed:
    """A secret as it rests in the database. It prints as dots, so it cannot slip into a log or a page."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def seal(cls, text: str) -> "Sealed":
        return cls(fernet().encrypt(text.encode()).decode() if text else "")

    def reveal(self) -> str:
        if not self.token:
            return ""
        try:
            return fernet().decrypt(self.token.encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable("No key of ENCRYPTION_KEYS opens this secret.") from error

    def rotated(self) -> "Sealed":
        """The same secret under the newest key. Raises SecretUnreadable."""
        return Sealed.seal(self.reveal())

    def __bool__(self) -> bool:
        return bool(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return "•••" if self.token else ""

    __str__ = __repr__


class SealedField(models.TextField):
    """A text column that holds a `Sealed`. Assign plain text or a `Sealed`; read back a `Sealed`."""

    # What django-stubs asks a field for.
    _pyi_private_set_type: "Sealed | str"  # type: ignore[assignment]
    _pyi_private_get_type: Sealed  # type: ignore[assignment]

    def from_db_value(self, value: str | None, *_: Any) -> Sealed:
        return Sealed(value or "")

    def to_python(self, value: Any) -> Sealed:
        return value if isinstance(value, Sealed) else Sealed.seal(value or "")

    def get_prep_value(self, value: Any) -> str:
        return self.to_python(value).token

    def value_to_string(self, obj: models.Model) -> str:
        """What `dumpdata` writes: nothing, so that an export never carries a secret."""
        return ""

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed:
        """Seals plain text on the instance too, so that the clear text is gone once it is saved."""
        sealed = self.to_python(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, sealed)
        return sealed
