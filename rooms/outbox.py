"""What waits to be sent to one socket. It is bounded, so that a reader who does not keep up costs nobody else."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

MOST_FRAMES = 1000
MOST_CHARACTERS = 1024 * 1024

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbox:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[dict[str, Any]] = deque()
        self._characters = 0
        self._something = asyncio.Event()
        self._nothing = asyncio.Event()
        self._nothing.set()
        self._sender: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._sender = asyncio.create_task(self._keep_sending())

    def stop(self) -> None:
        self._nothing.set()  # nobody needs to wait for it any more
        if self._sender:
            self._sender.cancel()

    def put(self, text: str) -> bool:
        """False if there is no room any more."""
        if len(self._waiting) >= MOST_FRAMES or self._characters > MOST_CHARACTERS:
            return False
        self._characters += len(text)
        self._append({"type": "websocket.send", "text": text})
        return True

    def close(self, code: int, reason: str) -> None:
        """After all that waits."""
        self._append({"type": "websocket.close", "code": code, "reason": reason})

    async def drained(self) -> None:
        await self._nothing.wait()

    def _append(self, event: dict[str, Any]) -> None:
        self._waiting.append(event)
        self._something.set()
        self._nothing.clear()

    async def _keep_sending(self) -> None:
        with suppress(OSError):  # the client has gone, as the consumer is told too
            while True:
                await self._something.wait()
                while self._waiting:
                    event = self._waiting.popleft()
                    self._characters -= len(event.get("text", ""))
                    await self._send(event)
                self._something.clear()
                self._nothing.set()
