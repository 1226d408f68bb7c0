"""One room as this process serves it: reads what is new, once, in order, and tells it to the sockets here."""

import asyncio
import logging
from typing import Protocol
from uuid import UUID

from django.db import Error as DatabaseError
from rest_framework.exceptions import APIException, PermissionDenied

from rooms import bell, frames, ledger
from rooms.errors import NoSuchRoom, NotInRoom
from rooms.models import RoomMessage
from rooms.person import Person
from rooms.presence import People, present
from rooms.threads import in_thread
from rooms.watch import RoomState, looked_at

logger = logging.getLogger(__name__)


class Socket(Protocol):
    """What a feed needs of a socket."""

    person: Person
    style: frames.Style
    hears_people: bool

    def tell(self, text: str) -> None: ...
    async def told_all(self) -> None: ...
    def end(self, because: APIException) -> None: ...


class Seat:
    """A socket's place in a room. Until it has caught up it is told nothing but what it missed; the rest waits."""

    def __init__(self, socket: Socket, feed: "Feed") -> None:
        self.socket = socket
        self.feed = feed
        self.after: int | None = None  # it has what was said up to here
        self.waiting: list[str] = []  # who came and left before it had caught up
        self.connection: int | None = None  # its row, by which others see who is here

    async def catch_up(self, since: int) -> None:
        """Sends what was said after `since`, then takes part at exactly that point: no gap, nothing twice."""
        while since < self.feed.position and self in self.feed.seats:
            told = self.feed.position
            page = await in_thread(ledger.missed, self.feed.room_id, since)
            for message in page:
                self.socket.tell(frames.text(self.socket.style(message)))
                since = message.pk
            if len(page) < ledger.PAGE:
                since = max(since, told)
            else:
                await self.socket.told_all()
        self.after = since
        for text in self.waiting:
            self.socket.tell(text)

    def hear_of_people(self, text: str) -> None:
        if self.after is None:
            self.waiting.append(text)
        else:
            self.socket.tell(text)


class Feed:
    def __init__(self, room_id: UUID, position: int, people: People) -> None:
        self.room_id = room_id
        self.position = position  # what was said up to here has been told
        self.known = position  # something was said up to here, which may have been removed since
        self.people = people  # who was last said to be here
        self.seats: set[Seat] = set()
        self._asked: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def hear(self, message: RoomMessage, before: int) -> None:
        """What was said in this process needs no reading, unless something else was said before it."""
        if before == self.position:
            self._tell(message)
        elif message.pk > self.position:
            self.look(bell.MESSAGES)

    def look(self, about: str) -> None:
        """Something changed, or may have."""
        self._asked |= {bell.MESSAGES, bell.ANYTHING} if about == bell.ANYTHING else {about}
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        """One at a time, so that everything is told in order. What fails is found again by the next look."""
        try:
            while self._asked and self.seats:
                asked, self._asked = self._asked, set()
                if bell.MESSAGES in asked:
                    await self._tell_what_is_new()
                if bell.ANYTHING in asked:
                    self.apply((await in_thread(looked_at, [self.room_id], self.user_ids())).get(self.room_id))
                elif bell.PEOPLE in asked:
                    self._announce((await in_thread(present, [self.room_id]))[self.room_id])
        except DatabaseError:
            logger.warning("A room could not be read; it is tried again.")

    async def _tell_what_is_new(self) -> None:
        while True:
            known = self.known
            page = await in_thread(ledger.missed, self.room_id, self.position)
            for message in page:
                if message.pk > self.position:  # else it was heard in the meantime
                    self._tell(message)
            if len(page) < ledger.PAGE:
                self.position = max(self.position, known)
                return

    def _tell(self, message: RoomMessage) -> None:
        """Each style is written once, for all who read it."""
        self.position = message.pk
        written: dict[frames.Style, str] = {}
        for seat in list(self.seats):
            if seat.after is None or message.pk <= seat.after:
                continue
            style = seat.socket.style
            if style not in written:
                written[style] = frames.text(style(message))
            seat.socket.tell(written[style])

    def user_ids(self) -> set[str]:
        return {seat.socket.person.user_id for seat in self.seats}

    def differs_from(self, state: RoomState | None) -> bool:
        """Whether somebody may not stay, came or left."""
        return (
            state is None
            or state.people.keys() != self.people.keys()
            or any(refusal(seat.socket.person, state) for seat in self.seats)
        )

    def apply(self, state: RoomState | None) -> None:
        """What the database says of the room, as far as it concerns who is here."""
        for seat in list(self.seats):
            if because := refusal(seat.socket.person, state):
                seat.socket.end(because)
        if state:
            self._announce(state.people)

    def _announce(self, people: People) -> None:
        before, self.people = self.people, people
        news = [frames.left(name) for user_id, name in before.items() if user_id not in people]
        news += [frames.joined(name) for user_id, name in people.items() if user_id not in before]
        for text in map(frames.text, news):
            for seat in list(self.seats):
                if seat.socket.hears_people:
                    seat.hear_of_people(text)


def refusal(person: Person, state: RoomState | None) -> APIException | None:
    """Why somebody may not stay."""
    if state is None:
        return NoSuchRoom()
    if not state.system_enabled:
        return PermissionDenied("This system is disabled.")
    if person.service or person.user_id not in state.asked:
        return None
    is_in = state.participants.get(person.user_id)
    if is_in is False or (state.members_only and not is_in):
        return NotInRoom()
    return None
