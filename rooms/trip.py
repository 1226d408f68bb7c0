"""The socket of the trip chat contract: one for all rooms of a person, who proves to be who they are by a token."""

from contextlib import suppress
from functools import partial
from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import APIException, NotAuthenticated

from rooms import frames, ledger
from rooms.errors import NotInRoom
from rooms.frames import FrameInvalid
from rooms.sockets import Denied, RoomSocket, room_id_of
from rooms.threads import in_thread
from tenants.errors import OriginNotAllowed

BEARER = "bearer"  # the subprotocol that stands before a token
TOKEN_WITHIN = 10.0  # seconds, or as long as a socket may be idle
HOW = 'Send your token: in the address, as a subprotocol, or as the first frame, {"token": "…"}.'


class TripSocket(RoomSocket):
    only_room: UUID | None = None

    async def open(self) -> None:
        token = self._token_of_subprotocol()
        self.subprotocol = BEARER if token else None
        if not token and not self._proves_itself():
            await self.take()
            self.set_alarm(min(TOKEN_WITHIN, settings.ROOMS_IDLE_TIMEOUT), NotAuthenticated(HOW))
            return
        try:
            await self.identify(token)
        except OriginNotAllowed as problem:
            raise Denied(403, "origin_not_allowed", str(problem.detail)) from None
        await self._enter_rooms()

    def _token_of_subprotocol(self) -> str:
        offered = self.scope.get("subprotocols") or []
        return offered[1] if len(offered) > 1 and offered[0].lower() == BEARER else ""

    def _proves_itself(self) -> bool:
        return bool(self.query.get("token") or self.query.get("user_id") or self.headers.get("authorization"))

    async def _enter_rooms(self) -> None:
        """How far each room has come is known before the client is told that it is in: from there on it hears all."""
        since = frames.since(self.query.get("since"))
        doors = [await self.door(room_id) for room_id in await self._rooms()]
        for room, people in doors:
            await self.sit(room, people)
        await self.take()
        for room, _ in doors:
            await self.catch_up(room, since)
        if not self.only_room:
            self.hub.follow(self, self._follow)

    async def _rooms(self) -> list[UUID]:
        if "roomId" not in self.query:
            return await in_thread(ledger.rooms_of, self.person)
        self.only_room = room_id_of(self.query["roomId"])
        return [self.only_room]

    async def _follow(self, room_id: UUID) -> None:
        """To a room where the person was put in while this socket was open, from that moment on."""
        if room_id in self.seats or self.ending:
            return
        with suppress(APIException):  # taken out again, perhaps
            room, people = await self.door(room_id)
            since = await in_thread(ledger.before_joining, room_id, self.person)
            await self.sit(room, people)
            await self.catch_up(room, since)

    async def _hear_token(self, frame: frames.Frame) -> None:
        token = frame.get("token")
        try:
            if not token or not isinstance(token, str):
                raise NotAuthenticated(HOW)
            await self.identify(token)
            await self._enter_rooms()
        except APIException as problem:
            self.end(problem)

    async def hear(self, frame: frames.Frame) -> None:
        if not hasattr(self, "person"):
            await self._hear_token(frame)
            return
        frames.of_type(frame, "message")
        room_id = self._room_of(frame)
        message = frame.get("message")
        if not isinstance(message, dict):
            raise FrameInvalid("message is missing, or is not an object with text and timestamp.")
        text, moment = frames.said(message, "text"), frames.client_time(message.get("timestamp"))
        given = frame.get("clientId", message.get("clientId"))
        chosen = frames.client_id(given, "clientId")
        stored, _ = await in_thread(partial(ledger.said, room_id, self.person, text, chosen, moment))
        if chosen:
            self.tell(frames.text({"type": "message.stored", "clientId": given, "id": stored.pk}))

    def _room_of(self, frame: frames.Frame) -> UUID:
        if "roomId" not in frame:
            raise FrameInvalid("roomId is missing.")
        room_id = room_id_of(frame["roomId"])
        if self.only_room not in (None, room_id):
            raise NotInRoom("This connection is for another room: see roomId in its address.")
        return room_id
