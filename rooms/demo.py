"""What `./local.sh` sets up to try rooms with: DrillQuiz believes whoever comes from this machine.

Once only, as in tenants/demo.py: what an operator changes afterwards stays as the operator left it.
"""

import ipaddress
import json
import shlex
from urllib.parse import urlencode

from django.conf import settings

from rooms.models import RoomPolicy
from rooms.peer import networks, within
from tenants.demo import Memory
from tenants.models import System

SYSTEM = "drillquiz"
THIS_MACHINE = "127.0.0.1\n::1"
ALICE = {"user_id": "alice", "nickname": "Alice", "email": "alice@example.com"}
BOB = {"user_id": "bob", "nickname": "Bob", "email": "bob@example.com"}


def set_up(memory: Memory) -> list[str]:
    """A sentence for each thing that was done."""
    system = System.objects.filter(pk=SYSTEM).first()
    if memory.rooms or system is None or settings.HTTPS:  # behind a public site's proxy, everybody is this machine
        return []
    memory.rooms = True
    _, made = RoomPolicy.objects.get_or_create(system=system, defaults={"trusted_addresses": THIS_MACHINE})
    return [f"In rooms, {SYSTEM} trusts this machine."] if made else []


def ways() -> list[tuple[str, str]]:
    """(label, what to paste), or the reason why there is nothing to paste."""
    if not trusts_this_machine():
        return [("", f"{SYSTEM} does not trust this machine; docs/rooms.md shows what else proves who somebody is")]
    return [
        ("Room", curl()),
        ("Link", f"{settings.ROOMS_URL}/ws/chat/ROOM/chat/?{urlencode(ALICE, safe='@')}"),
        ("", "with the id that the first line answers instead of ROOM"),
        ("Page", f"{settings.PUBLIC_URL}/rooms/test/?{urlencode(ALICE, safe='@')}"),
        ("", f"{settings.PUBLIC_URL}/rooms/test/?{urlencode(BOB, safe='@')}"),
    ]


def trusts_this_machine() -> bool:
    policy = RoomPolicy.objects.filter(system=SYSTEM, system__enabled=True).first()
    listed = networks(policy.trusted_addresses.splitlines()) if policy else []
    return within(ipaddress.ip_address("127.0.0.1"), listed)


def curl() -> str:
    words = ["curl", f"{settings.PUBLIC_URL}/chat/v1/create-room/", "-H", "Content-Type: application/json"]
    return shlex.join([*words, "-d", json.dumps({"name": "Hello", "post_id": "1"})])
