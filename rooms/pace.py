"""How fast somebody may talk: so many messages a minute, at once or spread over it, for each person and process."""

import time
from collections.abc import Hashable
from threading import Lock

from cachetools import TTLCache

MINUTE = 60.0

_buckets: TTLCache[Hashable, tuple[float, float]] = TTLCache(maxsize=100_000, ttl=2 * MINUTE)
_lock = Lock()


def seconds_to_wait(who: Hashable, per_minute: int) -> float:
    """0 if they may go on, which counts; else how long until they may."""
    if per_minute <= 0:
        return MINUTE
    now = time.monotonic()
    with _lock:
        left, since = _buckets.get(who, (float(per_minute), now))
        left = min(per_minute, left + (now - since) * per_minute / MINUTE)
        may = left >= 1
        _buckets[who] = (left - may, now)
    return 0.0 if may else (1 - left) * MINUTE / per_minute


def forget() -> None:
    with _lock:
        _buckets.clear()
