"""People in rooms: opens the sockets it is told to, says so many messages a second in every room, and checks that
everybody heard every one of them once, and all of a room in the same order.

A process of its own: `python -m bench.rooms_load`. It reads one JSON object a line and answers with one.
"""

import asyncio
import itertools
import json
import resource
import sys
import time
from typing import Any
from urllib.parse import urlencode

import orjson

from bench.sockets import Socket, connect

STILL = 60.0  # seconds that the last messages of a round may take before they count as missed
AT_ONCE = 50  # sockets that connect at the same time


class Ear:
    """One socket of one person: what it heard, as [id, text] in the order of arrival."""

    def __init__(self, delays: list[float]) -> None:
        self.heard: list[tuple[int, str]] = []
        self._delays = delays
        self.refused: list[str] = []
        self.socket: Socket

    def hear(self, payload: bytes) -> None:
        frame = orjson.loads(payload)
        if frame["type"] == "chat.message":
            self.heard.append((frame["id"], frame["message"]))
            self._delays.append(time.monotonic() - float(frame["message"].rpartition(" ")[2]))
        elif frame["type"] == "error":
            self.refused.append(frame["code"])


class Room:
    def __init__(self, room_id: str, ears: list[Ear]) -> None:
        self.room_id = room_id
        self.ears = ears
        self.speakers = itertools.cycle(ears)
        self.said: list[str] = []

    def say(self, number: int) -> None:
        """In turns, so that the messages of a room come through every server."""
        text = f"{self.room_id} {number} {time.monotonic():.6f}"
        self.said.append(text)
        next(self.speakers).socket.say(orjson.dumps({"type": "chat.message", "message": text}))

    def all_arrived(self) -> bool:
        return all(len(ear.heard) >= len(self.said) or ear.socket.closed for ear in self.ears)

    def wrong(self) -> dict[str, int]:
        """How often somebody missed a message or heard it twice, and how many heard them in another order than that
        of their ids, which is one for all, or are gone."""
        said = set(self.said)
        return {
            "missed": sum(len(said - {text for _, text in ear.heard}) for ear in self.ears),
            "twice": sum(len(ear.heard) - len(set(ear.heard)) for ear in self.ears),
            "disordered": sum(not growing(ear.heard) for ear in self.ears),
            "closed": sum(bool(ear.socket.closed) for ear in self.ears),
            "refused": sum(len(ear.refused) for ear in self.ears),
        }

    def forget(self) -> None:
        self.said.clear()
        for ear in self.ears:
            ear.heard.clear()
            ear.refused.clear()


def growing(heard: list[tuple[int, str]]) -> bool:
    return all(before <= after for (before, _), (after, _) in itertools.pairwise(heard))


class Crowd:
    """The same people in every room. With `tokens`, one for each of them, they prove who they are by these."""

    def __init__(self, rooms: list[str], ports: list[int], people: int, tokens: list[str] | None = None) -> None:
        self.tokens = tokens
        self.delays: list[float] = []
        self.ports = ports
        self.people = people
        self.ids = rooms
        self.rooms: list[Room] = []

    async def arrive(self) -> dict[str, Any]:
        begun = time.monotonic()
        gate = asyncio.Semaphore(AT_ONCE)
        for room_id in self.ids:
            ears = [Ear(self.delays) for _ in range(self.people)]
            await asyncio.gather(*(self._enter(gate, room_id, place, ear) for place, ear in enumerate(ears)))
            self.rooms.append(Room(room_id, ears))
        return {"seconds": time.monotonic() - begun}

    async def _enter(self, gate: asyncio.Semaphore, room_id: str, place: int, ear: Ear) -> None:
        query = urlencode({**self._who(place), "since": 0})
        async with gate:
            port = self.ports[place % len(self.ports)]
            ear.socket = await connect(port, f"/ws/chat/{room_id}/chat/?{query}", ear.hear)

    def _who(self, place: int) -> dict[str, str]:
        if self.tokens:
            return {"token": self.tokens[place]}
        return {"user_id": f"user-{place}", "nickname": f"User {place}", "email": f"user-{place}@example.com"}

    async def talk(self, rate: float, seconds: float) -> dict[str, Any]:
        """One message in every room each 1/rate seconds, the rooms spread evenly over that time."""
        self._forget()
        cpu, begun = cpu_seconds(), time.monotonic()
        late = 0.0
        step = 1 / rate / len(self.rooms)
        for number in range(int(seconds * rate * len(self.rooms))):
            late = max(late, await until(begun + number * step))
            self.rooms[number % len(self.rooms)].say(number)
        took = time.monotonic() - begun
        await self._hear_the_rest()
        return {**self._found(), "took": took, "late": late, "cpu": cpu_seconds() - cpu}

    async def _hear_the_rest(self) -> None:
        deadline = time.monotonic() + STILL
        while time.monotonic() < deadline and not all(room.all_arrived() for room in self.rooms):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # what would come twice

    def _found(self) -> dict[str, Any]:
        wrong = [room.wrong() for room in self.rooms]
        said = sum(len(room.said) for room in self.rooms)
        return {
            "said": said,
            "heard": len(self.delays),
            "delays": [round(delay, 5) for delay in self.delays],
            **{name: sum(each[name] for each in wrong) for name in wrong[0]},
        }

    def _forget(self) -> None:
        self.delays.clear()
        for room in self.rooms:
            room.forget()

    def leave(self) -> None:
        for room in self.rooms:
            for ear in room.ears:
                ear.socket.end()


async def until(moment: float) -> float:
    """Waits, and says by how much it was late."""
    wait = moment - time.monotonic()
    if wait > 0:
        await asyncio.sleep(wait)
    return max(0.0, time.monotonic() - moment)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    loop = asyncio.get_running_loop()
    crowd = Crowd(**json.loads(await loop.run_in_executor(None, sys.stdin.readline)))
    answer(await crowd.arrive())
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer(await crowd.talk(**json.loads(line)))
    crowd.leave()
    await asyncio.sleep(0.5)


def answer(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
