"""Reads a chunked answer by what has arrived, not by chunk.

Dify sends each token as a chunk of its own, and one read of the socket often brings many. http.client hands them out
one at a time, at some ten calls each, which was an eighth of the CPU of a turn.
"""

import re
from http.client import HTTPResponse, IncompleteRead

READ = 64 * 1024  # bytes
LONGEST_SIZE_LINE = 1024  # bytes; a size and its extensions
HEX = re.compile(rb"[0-9A-Fa-f]{1,16}")


class Dechunker:
    """Takes the bytes of a chunked body (RFC 9112, 7.1) as they come, and gives the payload in them."""

    def __init__(self) -> None:
        self.ended = False
        self._left = 0  # bytes of the current chunk that have not come
        self._rest = b""  # the beginning of a line whose end has not come

    def feed(self, raw: bytes) -> bytes:
        """Raises ValueError for what is no chunked body."""
        payload = []
        position = 0
        raw = self._rest + raw
        while position < len(raw) and not self.ended:
            if self._left:
                part = raw[position : position + self._left]
                payload.append(part)
                position += len(part)
                self._left -= len(part)
                continue
            end = raw.find(b"\n", position)
            if end < 0:
                break
            self._read_size(raw[position:end].strip())
            position = end + 1
        self._rest = b"" if self.ended else raw[position:]
        if len(self._rest) > LONGEST_SIZE_LINE:
            raise ValueError("A chunk's size has no end.")
        return b"".join(payload)

    def _read_size(self, line: bytes) -> None:
        if not line:  # the line break behind a chunk's data
            return
        size = line.partition(b";")[0].strip()
        if not HEX.fullmatch(size):  # int() would also read -5, 0x5 and 1_0
            raise ValueError("A chunk has no size.")
        self._left = int(size, 16)
        self.ended = self._left == 0


class EagerResponse(HTTPResponse):
    """An HTTPResponse whose `read1` gives all the chunks that one read of the socket brought."""

    _dechunker: Dechunker | None = None

    def read1(self, n: int = -1) -> bytes:
        if self.fp is None or not self.chunked:
            return super().read1(n)
        self._dechunker = self._dechunker or Dechunker()
        payload = b""
        while not payload and not self._dechunker.ended:
            payload = dechunked(self._dechunker, self.fp.read1(READ))
        if self._dechunker.ended:
            self._close_conn()  # type: ignore[attr-defined]  # what http.client does after the last chunk
        return payload


def dechunked(dechunker: Dechunker, raw: bytes) -> bytes:
    """Raises what http.client raises for a body that breaks off or is none."""
    if not raw:
        raise IncompleteRead(b"")
    try:
        return dechunker.feed(raw)
    except ValueError as error:
        raise IncompleteRead(b"") from error
