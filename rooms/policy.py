"""How a system's people prove who they are: its RoomPolicy, from memory for up to FRESH seconds."""

from threading import RLock
from typing import Any

from cachetools import TTLCache, cached
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from dify.addresses import IPAddress
from rooms.models import RoomPolicy
from rooms.peer import Network, networks, within
from tenants.directory import FRESH
from tenants.models import System

_policies: TTLCache[Any, RoomPolicy] = TTLCache(maxsize=1024, ttl=FRESH)
_trusting: TTLCache[Any, list[tuple[str, list[Network]]]] = TTLCache(maxsize=1, ttl=FRESH)
_lock = RLock()


@cached(_policies, key=lambda system: system.pk, lock=_lock)
def policy_of(system: System) -> RoomPolicy:
    return RoomPolicy.objects.filter(system=system).first() or RoomPolicy(system=system)


def systems_trusting(address: IPAddress) -> list[str]:
    """Ids of the systems that list this address as a gateway of theirs."""
    return [system_id for system_id, listed in all_trusted() if within(address, listed)]


@cached(_trusting, lock=_lock)
def all_trusted() -> list[tuple[str, list[Network]]]:
    listing = RoomPolicy.objects.exclude(trusted_addresses="").filter(system__enabled=True)
    return [(policy.system_id, readable_networks(policy.trusted_addresses)) for policy in listing]


def readable_networks(text: str) -> list[Network]:
    """The admin lets nothing else in; a line that got in by another way must not stop everybody."""
    try:
        return networks(text.splitlines())
    except ValueError:
        return []


@receiver([post_save, post_delete], sender=RoomPolicy)
@receiver([post_save, post_delete], sender=System)
def forget_now_and_on_commit(**_: Any) -> None:
    forget()
    transaction.on_commit(forget)  # another thread may have read the old row before the commit


def forget() -> None:
    with _lock:
        _policies.clear()
        _trusting.clear()
