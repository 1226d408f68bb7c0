"""What the sockets of both contracts have in common: who it is, what they are told, and how they end."""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

import orjson
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError
from django.http import QueryDict
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.exceptions import APIException

from rooms import frames, hub, ledger, origin, pace, peer, policy, presence
from rooms.errors import NoSuchRoom, RoomClosed, TooManySockets
from rooms.feed import Seat
from rooms.frames import FrameInvalid
from rooms.identity import Credentials, identified
from rooms.models import Room
from rooms.outbox import Outbox
from rooms.person import Person
from rooms.presence import People
from rooms.threads import in_thread
from tenants.errors import OriginNotAllowed, TokenExpired

TOO_SLOW = 1013  # try again later
BROKEN = 1011
MOST_SOCKETS = 20  # of one person in one room, in each process
LAST_WORDS = 5.0  # seconds for a socket that is told to end

logger = logging.getLogger(__name__)


class Denied(Exception):
    """The handshake is refused, before there is a socket."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


class RoomSocket(AsyncWebsocketConsumer):
    channel_layer_alias = ""  # none: the hub hears the bell for all sockets
    style: frames.Style = staticmethod(frames.trip)
    hears_people = False
    subprotocol: str | None = None

    person: Person
    hub: hub.Hub

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scope = scope
        self.query = QueryDict(scope["query_string"]).dict()
        self.headers = headers_of(scope)
        self.outbox = Outbox(send)
        self.seats: dict[UUID, Seat] = {}
        self.accepted = self.ending = self.cut_off = False
        self._task = asyncio.current_task()
        self._alarm: asyncio.TimerHandle | None = None
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if not self.cut_off:
                raise
        finally:
            self._clear_away()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As it comes. Channels would visit a thread before each message, for a database that is not used here."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    # The handshake -------------------------------------------------------------------------------------------------

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        try:
            self._check_host()
            self.hub = await hub.running()
            await self.open()
        except Denied as denied:
            await self._deny(denied)
        except APIException as problem:
            await self.take()
            self.end(problem)
        except DatabaseError:
            logger.exception("A socket could not be opened")
            await self._deny(Denied(503, "not_ready", "The database cannot be reached."))

    async def open(self) -> None:
        raise NotImplementedError

    async def take(self) -> None:
        """Accepts, so that all that follows reaches the client: a browser hides why a handshake was refused."""
        if not self.accepted:
            self.accepted = True
            await self.accept(self.subprotocol)
            self.outbox.start()

    def _check_host(self) -> None:
        if not origin.host_is_ours(self.headers.get("host", "")):
            raise Denied(400, "invalid", "This host is not one of the gateway's: see ALLOWED_HOSTS.")

    async def _deny(self, denied: Denied) -> None:
        if self.accepted:
            self.end_with(BROKEN, denied.code, denied.detail)
            return
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close()
            return
        body = orjson.dumps({"detail": denied.detail, "code": denied.code})
        content = [(b"content-type", b"application/json")]
        await self.base_send({"type": "websocket.http.response.start", "status": denied.status, "headers": content})
        await self.base_send({"type": "websocket.http.response.body", "body": body})

    # Who it is -----------------------------------------------------------------------------------------------------

    async def identify(self, token: str = "") -> None:
        """Sets `person`, or raises what is wrong with the credentials."""
        self.person, self.allowance = await in_thread(self._identified, token)
        self.clear_alarm()
        if not origin.may_connect(self.headers.get("origin"), self.headers.get("host", ""), self.person.system):
            raise OriginNotAllowed
        if self.person.expires_at:
            self.set_alarm((self.person.expires_at - timezone.now()).total_seconds(), TokenExpired())

    def set_alarm(self, seconds: float, because: APIException) -> None:
        self.clear_alarm()
        self._alarm = asyncio.get_running_loop().call_later(max(seconds, 0), self.end, because)

    def clear_alarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None

    def _identified(self, token: str) -> tuple[Person, int]:
        client = (self.scope.get("client") or [""])[0]
        address = peer.address_of(client, self.headers.get("x-forwarded-for", ""))
        person = identified(Credentials(self.headers, self.query, address, token))
        return person, policy.policy_of(person.system).messages_per_minute

    # Rooms ---------------------------------------------------------------------------------------------------------

    async def sit(self, room: Room, people: People) -> None:
        """Takes a seat, so that the others see that somebody is here. What is said has to wait, see catch_up."""
        if self.ending or room.pk in self.seats:
            return
        if self.hub.sockets_of(self.person, room.pk) >= MOST_SOCKETS:
            raise TooManySockets
        seat = self.seats[room.pk] = self.hub.seat(self, room, people)
        await self.hub.announce(seat)

    async def catch_up(self, room: Room, since: int | None) -> None:
        """Tells what was missed, and from there on everything. Needs a socket that was accepted."""
        if seat := self.seats.get(room.pk):
            await seat.catch_up(room.last_message if since is None else min(since, room.last_message))

    async def door(self, room_id: UUID) -> tuple[Room, People]:
        """The room that the person may enter, and who is there, if nobody here knows yet."""
        return await in_thread(self._door, room_id, room_id not in self.hub.feeds)

    def _door(self, room_id: UUID, look: bool) -> tuple[Room, People]:
        return ledger.entered(room_id, self.person), presence.present([room_id])[room_id] if look else {}

    # What it says --------------------------------------------------------------------------------------------------

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self.ending:
            return
        try:
            self._keep_pace()
            await self.hear(frames.parsed(message.get("text")))
        except APIException as problem:
            self.tell(frames.text(frames.error_of(problem)))
            if ends(problem):
                self.end(problem, told=True)
        except DatabaseError:
            logger.exception("A message could not be stored")
            self.tell(frames.text(frames.error("not_stored", "This could not be stored. Send it again.")))

    async def hear(self, frame: frames.Frame) -> None:
        raise NotImplementedError

    def _keep_pace(self) -> None:
        """Everything that is sent counts, also what cannot be understood."""
        if not hasattr(self, "person"):
            return
        who = (self.person.system.pk, self.person.user_id)
        if wait := pace.seconds_to_wait(who, self.allowance):
            raise exceptions.Throttled(wait, f"You are sending too fast. Wait {wait:.0f} s.", "quota_exceeded")

    # What it is told -----------------------------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        if not self.ending and not self.outbox.put(text):
            self.drop()

    async def told_all(self) -> None:
        await self.outbox.drained()

    # The end -------------------------------------------------------------------------------------------------------

    def end(self, because: APIException, told: bool = False) -> None:
        """Says why, in a frame and by the code with which it closes, once all that waits has been sent."""
        code, detail = frames.code_of(because), frames.sentence_of(because)
        self.end_with(4000 + because.status_code, code, "" if told else detail)

    def end_with(self, number: int, code: str, detail: str) -> None:
        if self.ending:
            return
        if detail:
            self.tell(frames.text(frames.error(code, detail)))
        self.ending = True
        self.outbox.close(number, code)
        self._leave()
        asyncio.get_running_loop().call_later(LAST_WORDS, self._cut_off)

    def drop(self) -> None:
        """Of a reader who does not keep up. What waits for it is lost; it comes back with `since`."""
        self.ending = True
        self.outbox.stop()
        self._leave()
        asyncio.create_task(self._say_too_slow())  # noqa: RUF006, it ends with the socket

    async def _say_too_slow(self) -> None:
        with suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self.base_send({"type": "websocket.close", "code": TOO_SLOW, "reason": "too_slow"})
        await asyncio.sleep(LAST_WORDS)
        self._cut_off()

    def _cut_off(self) -> None:
        if self._task and not self._task.done():
            self.cut_off = True
            self._task.cancel()

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        raise StopConsumer

    def _leave(self) -> None:
        for seat in self.seats.values():
            self.hub.leave(seat)
        self.seats.clear()
        if hasattr(self, "hub"):
            self.hub.followers.pop(self, None)

    def _clear_away(self) -> None:
        self.ending = True
        self._leave()
        self.outbox.stop()
        self.clear_alarm()


def ends(problem: APIException) -> bool:
    """Whether the person has no business here any more; else they may go on."""
    if isinstance(problem, RoomClosed | FrameInvalid):
        return False
    return problem.status_code in (401, 403, 404)


def headers_of(scope: dict[str, Any]) -> dict[str, str]:
    """Names in lower case. One that is sent several times is a list, as X-Forwarded-For."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def room_id_of(text: Any) -> UUID:
    """Raises NoSuchRoom: what cannot be an id is no room's."""
    try:
        return UUID(text if isinstance(text, str) else "")
    except ValueError:
        raise NoSuchRoom from None
