"""A server that sends the very bytes it is told to, for a Dify that no library would play.

    with RawServer(lambda heard: [b"HTTP/1.1 200 OK\\r\\n", ...]) as server: ... server.url

Each piece leaves in a packet of its own, as far as the network lets it. After the last one the connection is closed,
or with `keeps_alive` waits for the next request, or with `hangs` stays silent.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO, NamedTuple, Self


class Heard(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int  # the number of the connection it came by


Answer = Callable[[Heard], Iterable[bytes]]


class RawServer:
    def __init__(self, answer: Answer, *, keeps_alive: bool = False, hangs: bool = False) -> None:
        self.requests: list[Heard] = []
        self.connections = 0
        self._answer = answer
        self._keeps_alive = keeps_alive
        self._hangs = hangs
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as stream:
            while heard := read(stream, number):
                self.requests.append(heard)
                try:
                    for piece in self._answer(heard):
                        connection.sendall(piece)
                except OSError:
                    return  # the caller left
                if self._hangs:
                    self._over.wait(20)
                if not self._keeps_alive:
                    return


def read(stream: IO[bytes], connection: int) -> Heard | None:
    try:
        method, path, _ = stream.readline().decode().split(" ")
    except (ValueError, OSError):
        return None
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Heard(method, path, headers, stream.read(int(headers.get("content-length", 0))), connection)


def http(status: int, body: bytes, *headers: str, media_type: str = "application/json") -> bytes:
    """A whole answer with its length."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunk(piece: bytes) -> bytes:
    """One chunk of a chunked answer; of nothing, the last one."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def chunked(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """An event stream in these pieces."""
    yield CHUNKED
    yield from (chunk(piece) for piece in pieces if piece)
    yield chunk(b"")
