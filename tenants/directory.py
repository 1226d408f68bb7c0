"""Systems and keys, from memory where it is fresh enough: every request asks for both.

What changed elsewhere is seen within FRESH seconds; a change in this process, such as a revocation in the admin,
at once.
"""

import re
from datetime import timedelta
from threading import RLock
from typing import Any

from cachetools import TTLCache, cached
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from tenants.models import SYSTEM_ID, ApiKey, SigningSecret, System

FRESH = 3  # seconds
USE_IS_NOTED_EVERY = timedelta(minutes=1)

_systems: TTLCache[Any, System] = TTLCache(maxsize=1024, ttl=FRESH)
_issuers: TTLCache[Any, list[System]] = TTLCache(maxsize=1024, ttl=FRESH)
_keys: TTLCache[Any, ApiKey] = TTLCache(maxsize=8192, ttl=FRESH)
_lock = RLock()


class Unknown(LookupError):
    """No such system, or no such key."""


@cached(_systems, lock=_lock)
def system_named(system_id: str) -> System:
    """The system, enabled or not, with its signing secrets loaded. Raises Unknown."""
    if not re.fullmatch(SYSTEM_ID, system_id):  # what a caller sends may hold anything, such as NUL
        raise Unknown(system_id)
    system = System.objects.prefetch_related("signing_secrets").filter(pk=system_id).first()
    if system is None:
        raise Unknown(system_id)
    return system


@cached(_issuers, lock=_lock)
def systems_of_issuer(issuer: str) -> list[System]:
    """Whose tokens name this issuer: enabled systems, or where there is none, those that are not."""
    if not issuer or not issuer.isprintable():  # such as NUL or broken text, which a database refuses
        return []
    found = list(System.objects.prefetch_related("signing_secrets").filter(jwt_issuer=issuer))
    return [system for system in found if system.enabled] or found


@cached(_keys, key=ApiKey.hash_of, lock=_lock)
def key_presented(text: str) -> ApiKey:
    """The key with this text, live or not. Raises Unknown."""
    key = ApiKey.objects.filter(key_hash=ApiKey.hash_of(text)).first()
    if key is None:
        raise Unknown("API key")
    return key


def note_use(key: ApiKey) -> None:
    """Writes when a key was last used, at most once a minute over all processes."""
    now = timezone.now()
    if key.last_used_at and key.last_used_at > now - USE_IS_NOTED_EVERY:
        return
    key.last_used_at = now
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_IS_NOTED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


@receiver([post_save, post_delete], sender=System)
@receiver([post_save, post_delete], sender=ApiKey)
@receiver([post_save, post_delete], sender=SigningSecret)
def forget_now_and_on_commit(**_: Any) -> None:
    forget()
    transaction.on_commit(forget)  # another thread may have read the old row before the commit


def forget() -> None:
    with _lock:
        _systems.clear()
        _issuers.clear()
        _keys.clear()
