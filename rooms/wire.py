"""uvicorn's WebSocket, better at ending: a reader who does not read cannot keep its connection open.

uvicorn writes a close frame only after all that waits before it, and closes only after that; a client that reads
nothing more, but is there, would never let it.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LAST_WORDS = 5.0  # seconds for a client to take what was sent


class Wire(WebSocketsSansIOProtocol):
    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._let_go_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._let_go_soon()

    def _let_go_soon(self) -> None:
        self.loop.call_later(LAST_WORDS, self.transport.abort)
