"""An incremental reader of server-sent events, fed with bytes as they come off the socket.

It splits bytes, not text: a character may be cut between two chunks, and U+2028, which Dify 1.13 sends raw, is no
end of line. A line ends at LF only; a CR before it is dropped.
"""

from collections.abc import Iterator
from typing import NamedTuple

from dify.errors import DifyBroken

MAX_LINE_BYTES = 4 * 1024 * 1024


class Event(NamedTuple):
    """`name` is empty where the event has no `event:` line; `data` where it has no `data:` line, as Dify's pings."""

    name: str
    data: bytes


class EventReader:
    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._tail: list[bytes] = []  # the pieces of a line whose end has not come
        self._tail_bytes = 0
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this chunk completes. Raises DifyBroken for a line without end."""
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._tail, lines[0]])
            self._tail, self._tail_bytes = [], 0
        self._hold(rest)
        for line in lines:
            if event := self._read(line.removesuffix(b"\r")):
                yield event

    def end(self) -> Iterator[Event]:
        """What the stream left without the blank line that should have closed it."""
        yield from self.feed(b"\n\n")

    def _hold(self, rest: bytes) -> None:
        self._tail_bytes += len(rest)
        if self._tail_bytes > self._max_line_bytes:
            raise DifyBroken("Dify sent a line that is longer than the gateway accepts.")
        if rest:
            self._tail.append(rest)

    def _read(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode(errors="replace")
        return None  # an empty field is a comment; id and retry mean nothing to us

    def _dispatch(self) -> Event | None:
        if not self._name and not self._data:
            return None
        event = Event(self._name, b"\n".join(self._data))
        self._name, self._data = "", []
        return event
