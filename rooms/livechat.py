"""The socket of the LiveChat contract: one room, whose people are announced as they come and go."""

from functools import partial

from rooms import frames, ledger
from rooms.errors import NoSuchRoom
from rooms.sockets import Denied, RoomSocket, room_id_of
from rooms.threads import in_thread
from tenants.errors import OriginNotAllowed


class LiveChatSocket(RoomSocket):
    style = staticmethod(frames.livechat)
    hears_people = True

    async def open(self) -> None:
        try:
            await self.identify()
            self.room_id = room_id_of(self.scope["url_route"]["kwargs"]["room_id"])
            since = frames.since(self.query.get("since"))
            room, people = await self.door(self.room_id)
        except NoSuchRoom as problem:
            raise Denied(404, "not_found", str(problem.detail)) from None
        except OriginNotAllowed as problem:
            raise Denied(403, "origin_not_allowed", str(problem.detail)) from None
        if since is not None:
            self.style = frames.livechat_numbered
        await self.sit(room, people)
        await self.take()
        await self.catch_up(room, since)

    async def hear(self, frame: frames.Frame) -> None:
        frames.of_type(frame, "chat.message")
        text = frames.said(frame, "message")
        chosen = frames.client_id(frame.get("client_id"), "client_id")
        say = partial(ledger.said, self.room_id, self.person, text, chosen)
        message, _ = await in_thread(say)
        if chosen:
            self.tell(frames.text({"type": "message.stored", "client_id": frame["client_id"], "id": message.pk}))
