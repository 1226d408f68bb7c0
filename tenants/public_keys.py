"""The public keys at a system's JWKS address: fetched like Dify is spoken to, kept, and looked for again with care.

A key that nobody knows makes the gateway look again, at most once a minute for each address, whatever comes of it:
anybody can send tokens with made-up key ids. While the address is down, the keys that were known stay known.
"""

import logging
import time
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
from cachetools import LRUCache
from django.db import close_old_connections

from dify.errors import DifyError
from dify.exchange import Exchange

LOOK_AGAIN_AFTER = 60  # seconds between two looks at one address
ARE_FRESH = 3600  # seconds; after that a look is due even if the key is known
OUTLIVE_THEIR_SERVER = 24 * 3600  # seconds, or a key that was taken back would live as long as its server is kept down
SECONDS = 5.0  # for one look
MAX_BYTES = 512 * 1024


class UnknownKey(LookupError):
    """No such key at this address, as far as could be seen."""


class Unreadable(ValueError):
    """What came is no set of keys."""


class Address:
    """One JWKS address, and what was seen there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[jwt.PyJWK] = []
        self.seen_at = self.looked_at = float("-inf")
        self._looking = Lock()

    def key(self, algorithm: str, kid: str | None) -> Any:
        """A known key is answered without waiting, unless nothing fresh is known. Raises UnknownKey."""
        found = self.find(algorithm, kid)
        if found is None or not self.seen_within(ARE_FRESH):
            self.look(wait=found is None)
            found = self.find(algorithm, kid)
        if found is None:
            raise UnknownKey
        return found

    def find(self, algorithm: str, kid: str | None) -> Any:
        if not self.seen_within(OUTLIVE_THEIR_SERVER):
            return None
        fit = [key for key in self.keys if key.algorithm_name == algorithm and kid in (None, key.key_id)]
        return fit[0].key if len(fit) == 1 or (fit and kid) else None  # without a kid it must be clear which

    def seen_within(self, seconds: float) -> bool:
        return time.monotonic() - self.seen_at < seconds

    def look(self, wait: bool) -> None:
        """One caller looks; the others wait for what it finds, or go on with what is known."""
        if not self._looking.acquire(blocking=wait):
            return
        try:
            if time.monotonic() - self.looked_at >= LOOK_AGAIN_AFTER:
                self.looked_at = time.monotonic()
                self.keys = fetched(self.url)
                self.seen_at = time.monotonic()
        except (DifyError, Unreadable) as error:  # what was known stays known
            logger.warning("No public keys from %s: %s.", urlsplit(self.url).hostname, type(error).__name__)
        finally:
            self._looking.release()


logger = logging.getLogger(__name__)
_addresses: LRUCache[str, Address] = LRUCache(maxsize=1024)
_lock = Lock()


def key_of(url: str, algorithm: str, kid: Any) -> Any:
    """The public key for this algorithm with this id. Raises UnknownKey."""
    if kid is not None and not isinstance(kid, str):
        raise UnknownKey
    with _lock:
        address = _addresses.get(url)
        if address is None:
            address = _addresses[url] = Address(url)
    return address.key(algorithm, kid)


def forget() -> None:
    with _lock:
        _addresses.clear()


def fetched(url: str) -> list[jwt.PyJWK]:
    """Raises DifyError, the errors of all guarded connections, or Unreadable."""
    close_old_connections()  # no connection to the database is held while waiting
    exchange = Exchange("GET", url, idle=SECONDS, total=SECONDS, headers={})
    try:
        if exchange.status != 200:
            raise Unreadable(f"status {exchange.status}")
        return read(whole(exchange))
    finally:
        exchange.close()


def whole(exchange: Exchange) -> bytes:
    body = bytearray()
    for piece in exchange.pieces():
        body += piece
        if len(body) > MAX_BYTES:
            raise Unreadable("too large")
    return bytes(body)


def read(body: bytes) -> list[jwt.PyJWK]:
    """The keys to check signatures with. One that cannot be read does not spoil the others."""
    try:
        entries = orjson.loads(body)["keys"]
        keys = [one(entry) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable("no set of keys") from error
    return [key for key in keys if key]


def one(entry: Any) -> jwt.PyJWK | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    try:
        return jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
