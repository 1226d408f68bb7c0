"""gunicorn's gevent worker, better at ending: it waits for turns, but not for connections on which nothing happens.

And discreet about requests that it cannot read: gunicorn would quote them in its log and answer HTML.
"""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import gevent
from gunicorn import util
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, ParseException
from gunicorn.workers.ggevent import GeventWorker

LAST_CHANCE = 1.0  # second for a request that is already on its way
ANSWER = "HTTP/1.1 {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}"
TURNS_MAY_TAKE = 0.8  # of graceful_timeout: the rest is for writing down what the others have so far


class Worker(GeventWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.idle: dict[gevent.Greenlet, gevent.Timeout] = {}

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Around the wait for a connection's next request, which proxies and browsers keep open for minutes."""
        with gevent.Timeout(self.cfg.keepalive if self.alive else LAST_CHANCE, False) as timeout:
            self.idle[gevent.getcurrent()] = timeout
            try:
                yield
            finally:
                del self.idle[gevent.getcurrent()]

    def handle_exit(self, sig: signal.Signals, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        gevent.spawn_later(LAST_CHANCE, self.hang_up)
        gevent.spawn(self.keep_turns)

    def hang_up(self) -> None:
        for connection, timeout in list(self.idle.items()):
            connection.kill(timeout, block=False)

    def keep_turns(self) -> None:
        """gunicorn kills after graceful_timeout. A turn that takes longer is written down as far as it has come."""
        if turns := sys.modules.get("chatproxy.turn"):  # absent if the application failed to load
            turns.wait_for_running(TURNS_MAY_TAKE * self.cfg.graceful_timeout)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Of a request that is no HTTP, or an application that failed outside of Django. Nothing of it is quoted."""
        ours = not isinstance(exc, ParseException) or isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        if ours:
            self.log.error("A request could not be answered", exc_info=exc)
            answer = unreadable("500 Internal Server Error", "Something broke on our side.", "server_error")
        else:
            self.log.warning("A request could not be read: %s", type(exc).__name__)
            answer = unreadable("400 Bad Request", "This is not a valid HTTP request.", "invalid")
        with suppress(OSError):
            util.write_nonblock(client, answer)


def unreadable(status: str, detail: str, code: str) -> bytes:
    body = json.dumps({"detail": detail, "code": code})
    return ANSWER.format(status, len(body), body).encode()
