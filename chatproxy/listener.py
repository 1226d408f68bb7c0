"""The client's side of a stream: frames wait in a queue until they can be sent, or nobody is there any more."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue

from chatproxy import wire

HEARTBEAT = 10.0  # seconds of silence after which the client hears a comment


class Listener:
    def __init__(self) -> None:
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._left = False

    def hear(self, frame: bytes) -> None:
        if not self._left:
            self._queue.put(frame)

    def end(self) -> None:
        self._queue.put(None)

    def frames(self) -> Iterator[bytes]:
        """The whole stream, opened by a comment; what came at once goes out in one piece."""
        ended = False
        piece = wire.COMMENT
        try:
            while True:
                yield piece
                if ended:
                    return
                piece, ended = self._next_piece()
        finally:
            self._left = True

    def _next_piece(self) -> tuple[bytes, bool]:
        """Waits for something to say, and says whether it is the last."""
        try:
            frames = [self._queue.get(timeout=HEARTBEAT)]
        except Empty:
            return wire.COMMENT, False
        while frames[-1] is not None:
            try:
                frames.append(self._queue.get_nowait())
            except Empty:
                break
        return b"".join(frame for frame in frames if frame), frames[-1] is None
