"""The ASGI process: sockets, on ROOMS_PORT, beside the gateway that gunicorn serves."""

import signal
import sys
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from rooms.wire import Wire

MAX_FRAME = 2 * 1024 * 1024  # bytes; larger than what is accepted, so that the sender is told, and not just cut off
GRACE = 10  # seconds for sockets to end
# Seconds that a thread at work with the database keeps Python to itself. The loop lets go of it with every frame that
# it sends, and at the usual 5 ms it would spend its time waiting to get it back.
SWITCH = 0.0005


def end_well(*_: Any) -> None:
    """uvicorn hands the signal on once it has ended in good order."""
    sys.exit(0)


class Command(BaseCommand):
    help = "Serves rooms: WebSockets on ROOMS_PORT (or --port)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="0.0.0.0")  # noqa: S104, a server's job
        parser.add_argument("--port", type=int, default=settings.ROOMS_PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, end_well)
        sys.setswitchinterval(SWITCH)
        module, _, name = settings.ASGI_APPLICATION.rpartition(".")
        uvicorn.run(
            f"{module}:{name}",
            host=options["host"],
            port=options["port"],
            ws=Wire,
            ws_max_size=max(MAX_FRAME, 2 * settings.ROOMS_MAX_MESSAGE_BYTES),
            ws_ping_interval=settings.ROOMS_IDLE_TIMEOUT / 2,
            ws_ping_timeout=settings.ROOMS_IDLE_TIMEOUT / 2,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
