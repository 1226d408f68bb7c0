"""One request to Dify and its answer, read piece by piece under deadlines and caps, with typed errors."""

import time
from collections.abc import Iterator
from typing import Any

import orjson
import requests
from django.conf import settings
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.exceptions import SSLError as TLSError

from dify.errors import (
    DifyAnswerTooLarge,
    DifyBroken,
    DifyError,
    DifyForbiddenAddress,
    DifyTimeout,
    DifyUnreachable,
    DifyUntrusted,
)
from dify.http import Forbidden, Guarded, sent

PIECE = 64 * 1024  # bytes


class Exchange:
    """A request on its way. `idle` and `total` are seconds: of silence, and for all of it."""

    def __init__(self, method: str, url: str, *, idle: float, total: float, **request: Any) -> None:
        self._idle = idle
        self._deadline = time.monotonic() + total
        timeout = (settings.DIFY_CONNECT_TIMEOUT, min(idle, total))
        try:
            self.response = sent(method, url, timeout=timeout, **request)
        except requests.RequestException as error:
            raise typed(error) from error
        self.status = self.response.status_code

    @property
    def media_type(self) -> str:
        return str(self.response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    @property
    def location(self) -> str:
        """Where a redirect leads; empty if this is none."""
        return str(self.response.headers.get("Location", "")) if 300 <= self.status < 400 else ""

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives. Raises DifyTimeout, DifyUnreachable."""
        try:
            while piece := self._next_piece():
                yield piece
        except ReadTimeoutError as error:
            raise DifyTimeout from error
        except HTTPError as error:
            raise DifyUnreachable("The connection to Dify broke before the answer was complete.") from error

    def body(self) -> bytes:
        """All of it, up to DIFY_MAX_BODY_BYTES."""
        whole = bytearray()
        for piece in self.pieces():
            whole += piece
            if len(whole) > settings.DIFY_MAX_BODY_BYTES:
                raise DifyAnswerTooLarge
        return bytes(whole)

    def json(self) -> Any:
        try:
            return orjson.loads(self.body())
        except orjson.JSONDecodeError as error:
            raise DifyBroken(status=self.status) from error

    def hurry(self, seconds: float) -> None:
        """Brings the end nearer: no more than this is left."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def close(self) -> None:
        """Gives the connection back if it was read to its end, else drops it."""
        self.response.close()

    def _next_piece(self) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DifyTimeout
        # The response holds its connection until it is read to the end; after that there is nothing to wait for.
        connection = self.response.raw.connection
        if isinstance(connection, Guarded) and connection.live_socket:
            connection.live_socket.settimeout(min(self._idle, left))
        return bytes(self.response.raw.read1(PIECE))


def typed(error: requests.RequestException) -> DifyError:
    """requests wraps urllib3's reason one or two levels deep; the reason is what a person can act on."""
    reason: Any = error.args[0] if error.args else error
    reason = getattr(reason, "reason", reason)
    if isinstance(reason, Forbidden):
        return DifyForbiddenAddress()
    if isinstance(error, requests.exceptions.SSLError) or isinstance(reason, TLSError):
        return DifyUntrusted()
    if isinstance(error, requests.ConnectTimeout):
        return DifyUnreachable("Dify cannot be reached: it did not answer the connection in time.")
    if isinstance(error, requests.Timeout):
        return DifyTimeout()
    return DifyUnreachable()
