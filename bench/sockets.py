"""A WebSocket client that costs little, because it shares the machine with the servers it measures.

It knows just enough of RFC 6455 to be one: no extensions, no fragments, and any mask will do.
"""

import asyncio
import base64
import os
from collections.abc import Callable

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
MASK = b"\0\0\0\0"  # turns every byte into itself


class Socket(asyncio.Protocol):
    """Hands every text frame to `heard`; `closed` holds a word once it is over."""

    def __init__(self, host: str, path: str, heard: Callable[[bytes], None]) -> None:
        self._request = request(host, path)
        self._heard = heard
        self._arrived = bytearray()
        self._upgraded = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101, for mypy
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        if not self._upgraded and not self._shake_hands():
            return
        place = 0
        while frame := next_frame(self._arrived, place):
            kind, payload, place = frame
            self._take(kind, payload)
        del self._arrived[:place]

    def _shake_hands(self) -> bool:
        head, end, rest = self._arrived.partition(b"\r\n\r\n")
        if not end:
            return False
        self._upgraded = head.startswith(b"HTTP/1.1 101")
        self._arrived = rest
        if self._upgraded:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(head.partition(b"\r\n")[0].decode()))
        return self._upgraded

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self._heard(payload)
        elif kind == PING:
            self._send(PONG, payload)
        elif kind == CLOSE:
            self.closed = f"closed with {int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}".strip()
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = self.closed or f"lost: {error}"
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(self.closed))

    def say(self, text: bytes) -> None:
        self._send(TEXT, text)

    def end(self) -> None:
        self._send(CLOSE, (1000).to_bytes(2, "big"))

    def _send(self, kind: int, payload: bytes) -> None:
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
        self.transport.write(bytes([0x80 | kind]) + size + MASK + payload)


def request(host: str, path: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", "Sec-WebSocket-Version: 13", "", ""]
    return "\r\n".join(lines).encode()


def next_frame(data: bytearray, place: int) -> tuple[int, bytes, int] | None:
    """(kind, payload, where the next one begins), if the frame at `place` has arrived whole."""
    if len(data) < place + 2:
        return None
    length, begin = data[place + 1] & 0x7F, place + 2
    if length >= 126:
        wide = 2 if length == 126 else 8
        length, begin = int.from_bytes(data[begin : begin + wide], "big"), begin + wide
    if len(data) < begin + length:
        return None
    return data[place] & 0x0F, bytes(data[begin : begin + length]), begin + length


async def connect(port: int, path: str, heard: Callable[[bytes], None]) -> Socket:
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Socket(f"127.0.0.1:{port}", path, heard), "127.0.0.1", port)
    await socket.opened
    return socket
