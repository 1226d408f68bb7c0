"""The process that serves rooms: sockets, and over HTTP only what belongs to rooms. `manage.py serve_rooms` runs it."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
django = get_asgi_application()

from gateway_project.checks import refuse_to_serve_with_errors  # noqa: E402, needs the application
from gateway_project.json_codec import plain  # noqa: E402
from rooms import hub  # noqa: E402
from rooms.routing import sockets  # noqa: E402

refuse_to_serve_with_errors()

ROOMS = ("/rooms/", "/chat/v1/", "/healthz/", "/readyz/", "/static/")
ELSEWHERE = plain({"detail": "HTTP is served by the gateway; this port is for rooms' sockets.", "code": "not_found"})

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    if f"{scope['path']}/".startswith(ROOMS):
        await django(scope, receive, send)  # type: ignore[arg-type]  # it is a dict
        return
    content = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 404, "headers": content})
    await send({"type": "http.response.body", "body": ELSEWHERE})


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await hub.running()
            await send({"type": "lifespan.startup.complete"})
        else:
            await hub.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


application = ProtocolTypeRouter({"http": http, "websocket": sockets, "lifespan": lifespan})
