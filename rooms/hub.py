"""The rooms as this process serves them: one feed a room, and what keeps all feeds true.

The bell says that something changed, and the hub also looks by itself: often where bells cannot reach this process,
rarely where they do. Whatever is lost, the next look finds it.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import IntegrityError

from rooms import bell, ledger, presence, watch
from rooms.feed import Feed, Seat, Socket
from rooms.models import Room, RoomMessage
from rooms.person import Person
from rooms.presence import People
from rooms.threads import in_thread

OFTEN = 0.5  # seconds between looks while no bell from elsewhere is heard
RARELY = 5.0  # seconds between looks while bells are heard
TICK = 2.0  # seconds between bells that only show that bells are heard
HEARD_WITHIN = 3 * TICK  # seconds

logger = logging.getLogger(__name__)


class Hub:
    def __init__(self) -> None:
        self.server_id = uuid4()
        self.feeds: dict[UUID, Feed] = {}
        self.followers: dict[Socket, Callable[[UUID], Awaitable[None]]] = {}  # who wants every room of theirs
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs: set[asyncio.Future[None]] = set()
        self._left: dict[int, UUID] = {}  # connections that are gone, and their rooms
        self._somebody_left = asyncio.Event()
        self._look_now = asyncio.Event()
        self._heard_at = float("-inf")

    async def start(self) -> None:
        await self._beat_if_possible()
        bell.listeners.append(self.ring)
        ledger.hearers.append(self.hear_said)
        jobs = [self._keep_beating, self._keep_looking, self._keep_tidying]
        if settings.REDIS_URL:
            jobs += [self._keep_listening, self._keep_ticking]
        self._tasks = [asyncio.create_task(job()) for job in jobs]

    async def stop(self) -> None:
        """Leaves nobody behind: the other processes hear at once that our people are gone."""
        bell.listeners.remove(self.ring)
        ledger.hearers.remove(self.hear_said)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(DatabaseError):
            await in_thread(presence.end, self.server_id, {*self.feeds, *self._left.values()})

    # Seats ---------------------------------------------------------------------------------------------------------

    def seat(self, socket: Socket, room: Room, people: People) -> Seat:
        """A place in the room. `people` are those who were there before, if nobody here knew yet."""
        feed = self.feeds.get(room.pk)
        if feed is None:
            feed = self.feeds[room.pk] = Feed(room.pk, room.last_message, people)
        seat = Seat(socket, feed)
        feed.seats.add(seat)
        return seat

    def sockets_of(self, person: Person, room_id: UUID) -> int:
        seats = self.feeds[room_id].seats if room_id in self.feeds else set()
        return sum(seat.socket.person.user_id == person.user_id for seat in seats)

    async def announce(self, seat: Seat) -> None:
        """From here on the others see that somebody is here. Begun, it is ended, so that every row has its seat."""
        if seat.socket.person.user_id:
            await asyncio.shield(asyncio.create_task(self._note(seat)))

    async def _note(self, seat: Seat) -> None:
        note = partial(presence.opened, self.server_id, seat.socket.person, seat.feed.room_id)
        try:
            seat.connection = await in_thread(note)
        except IntegrityError:  # the others took us for dead
            await self.beat()
            seat.connection = await in_thread(note)
        if seat not in seat.feed.seats:
            self.leave(seat)

    def follow(self, socket: Socket, enter: Callable[[UUID], Awaitable[None]]) -> None:
        """Takes this socket to whatever room its person is put in."""
        self.followers[socket] = enter
        self._look_now.set()  # for what has changed since its rooms were read

    def leave(self, seat: Seat) -> None:
        feed = seat.feed
        feed.seats.discard(seat)
        if not feed.seats and self.feeds.get(feed.room_id) is feed:
            del self.feeds[feed.room_id]
        if seat.connection is not None:
            self._left[seat.connection] = feed.room_id
            self._somebody_left.set()

    # Bells ---------------------------------------------------------------------------------------------------------

    def ring(self, room_id: UUID | None, about: str) -> None:
        """From any thread of this process. What is said here is heard by hear_said."""
        if about != bell.MESSAGES:
            self._loop.call_soon_threadsafe(self.hear, room_id, about)

    def hear_said(self, message: RoomMessage, before: int) -> None:
        if feed := self.feeds.get(message.room_id):
            self._loop.call_soon_threadsafe(feed.hear, message, before)

    def hear(self, room_id: UUID | None, about: str) -> None:
        if room_id is None:
            self._look_now.set()
            return
        if feed := self.feeds.get(room_id):
            feed.look(about)
        if self.followers and about == bell.ANYTHING:
            self._look_now.set()

    async def _keep_listening(self) -> None:
        await bell.listen(self._heard)

    async def _keep_ticking(self) -> None:
        while True:
            await in_thread(bell.tick)
            await asyncio.sleep(TICK)

    def _heard(self, room_id: UUID | None, about: str) -> None:
        self._heard_at = time.monotonic()
        if about != bell.TICK:
            self.hear(room_id, about)

    # What keeps everything true ------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._pause()):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            self._look_now.clear()
            try:
                await self.look()
            except DatabaseError:
                logger.warning("The database cannot be read; rooms wait for it.")

    def _pause(self) -> float:
        if bell.redis_is_away():
            self._heard_at = float("-inf")
        return RARELY if time.monotonic() - self._heard_at < HEARD_WITHIN else OFTEN

    async def look(self) -> None:
        """At every room that is served here."""
        feeds = list(self.feeds.values())
        users = {user_id for feed in feeds for user_id in feed.user_ids()}
        states = await in_thread(watch.looked_at, [feed.room_id for feed in feeds], users) if feeds else {}
        for feed in feeds:
            state = states.get(feed.room_id)
            if state and state.last_message > feed.position:
                feed.known = state.last_message
                feed.look(bell.MESSAGES)
            if feed.differs_from(state):
                feed.look(bell.ANYTHING)
        if self.followers:
            await self._follow_people()

    async def _follow_people(self) -> None:
        """Takes people who want all of their rooms to those in which they are new."""
        rooms: dict[tuple[str, str], list[UUID]] = defaultdict(list)
        users = {socket.person.user_id for socket in self.followers}
        for room_id, user_id, system_id in await in_thread(watch.memberships, users):
            rooms[system_id, user_id].append(room_id)
        for socket, enter in list(self.followers.items()):
            for room_id in rooms[socket.person.system.system_id, socket.person.user_id]:
                self._in_background(enter(room_id))

    def _in_background(self, job: Awaitable[None]) -> None:
        """So that one who is slow keeps nobody waiting."""
        task = asyncio.ensure_future(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(presence.BEAT)
            await self._beat_if_possible()

    async def _beat_if_possible(self) -> None:
        try:
            await self.beat()
        except DatabaseError:
            logger.warning("The database cannot be written; other processes may take this one for dead.")

    async def beat(self) -> None:
        if not await in_thread(presence.beat, self.server_id):
            for feed in list(self.feeds.values()):
                for seat in [seat for seat in feed.seats if seat.connection is not None]:
                    with suppress(IntegrityError):  # its room is gone; that concerns nobody else
                        await self._note(seat)

    async def _keep_tidying(self) -> None:
        """Many leave at once when a network fails, so they are written down together."""
        while True:
            await self._somebody_left.wait()
            self._somebody_left.clear()
            left = dict(self._left)
            try:
                await in_thread(presence.closed, list(left), set(left.values()))
            except DatabaseError:
                self._somebody_left.set()
                await asyncio.sleep(1)
                continue
            for connection in left:
                del self._left[connection]


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


async def running() -> Hub:
    """This process's hub. It starts with the server, or with the first socket where the server tells nothing."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        hub = _hubs[loop] = Hub()
        await hub.start()
    return _hubs[loop]


async def stop() -> None:
    if hub := _hubs.pop(asyncio.get_running_loop(), None):
        await hub.stop()
