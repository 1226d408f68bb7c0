"""Which socket is where."""

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from rooms.livechat import LiveChatSocket
from rooms.sockets import Denied, RoomSocket
from rooms.trip import TripSocket


class NoSocketHere(RoomSocket):
    async def open(self) -> None:
        raise Denied(404, "not_found", "There is no socket at this address.")


sockets: Any = URLRouter(
    [
        re_path(r"^ws/chat/(?P<room_id>[^/]+)/chat/?$", LiveChatSocket.as_asgi()),
        re_path(r"^ws/?$", TripSocket.as_asgi()),
        re_path(r"", NoSocketHere.as_asgi()),
    ]
)
