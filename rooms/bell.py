"""Says that something about a room changed, to every process that has sockets open. What changed is in the database.

A bell may be lost: whoever listens also looks into the database by itself now and then (rooms/hub.py). So ringing
never fails, and never takes long.

Within a process it is a call. To the others it goes through Redis in the form that the channel layer reads, but not
by the layer itself: that is asynchronous, and who rings may be a thread, a greenlet of gunicorn's or a command.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from channels.layers import get_channel_layer
from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

GROUP = "rooms"
MESSAGES = "messages"  # something was said
PEOPLE = "people"  # who is connected
ANYTHING = "anything"  # also who is in the room, and whether it is there
TICK = "tick"  # nothing: that bells are heard

LONGEST_WAIT = 0.5  # seconds, for Redis
PAUSE = 2.0  # seconds in which a Redis that failed is left alone
SILENCE = 20.0  # seconds without even a tick, after which listening starts over

HEARD_HERE = uuid4().hex  # names this process, which does not listen to its own bells twice

logger = logging.getLogger(__name__)
listeners: list[Callable[[UUID | None, str], None]] = []
_try_again_at = 0.0  # 0 while Redis answers


def ring(room_id: UUID | None, about: str = ANYTHING) -> None:
    """Something about this room changed; None: about any of them."""
    for listener in list(listeners):
        listener(room_id, about)
    if settings.REDIS_URL:
        publish({"type": "bell", "room": str(room_id or ""), "about": about, "from": HEARD_HERE})


def publish(bell: dict[str, str]) -> None:
    global _try_again_at
    if time.monotonic() < _try_again_at:
        return
    try:
        redis(settings.REDIS_URL).publish(redis_channel(), get_channel_layer().serialize(bell))
    except (RedisError, OSError):
        if not redis_is_away():
            logger.warning("Redis cannot be reached. Until it can, rooms look into the database more often.")
        _try_again_at = time.monotonic() + PAUSE
    else:
        _try_again_at = 0.0


def redis_is_away() -> bool:
    return _try_again_at > 0


@cache
def redis(url: str) -> "Redis":
    """With one retry at once, for connections that Redis has closed since they were last used."""
    timeouts = {"socket_timeout": LONGEST_WAIT, "socket_connect_timeout": LONGEST_WAIT}
    return Redis.from_url(url, **timeouts, retry=Retry(NoBackoff(), 1))


def redis_channel() -> str:
    """Where channels_redis' pub/sub layer listens for a group."""
    config: Any = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    return f"{config['prefix']}__group__{GROUP}"


def tick() -> None:
    """A bell that everybody hears and nobody follows, to find out whether bells are heard."""
    publish({"type": "bell", "room": "", "about": TICK, "from": ""})


async def listen(hear: Callable[[UUID | None, str], None]) -> None:
    """Calls `hear` for every bell of another process, for as long as it runs. Starts over when nothing is heard."""
    layer = get_channel_layer()
    while True:
        try:
            await follow(layer, hear)
        except Exception:
            with suppress(Exception):
                await layer.flush()
        await asyncio.sleep(1)


async def follow(layer: Any, hear: Callable[[UUID | None, str], None]) -> None:
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    while True:
        async with asyncio.timeout(SILENCE):
            bell = await layer.receive(channel)
        if bell["from"] != HEARD_HERE:
            hear(UUID(bell["room"]) if bell["room"] else None, bell["about"])
