"""Two ASGI processes with a Redis between them, over real sockets: as if they were one, also when one of them or
Redis is gone."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db.models.functions import Now

from rooms.models import Connection, Room, RoomMessage
from tenants.models import System
from tests.browsers import secret_key
from tests.processes import PRODUCTION, ROOT, environment, free_port
from tests.redis import RedisServer, running_redis
from tests.rooms import Chat, Clients, Served, database_url, new_system, open_room, serving, token_of, trip_room

pytestmark = pytest.mark.redis

GONE_WITHIN = 20.0  # seconds, for the people of a process that was killed
BEFORE_A_LOOK = 2.0  # seconds: a process that hears bells looks by itself only every five


@dataclass
class Pair:
    """What one process says, the other hears through Redis."""

    first: Served
    second: Served
    redis: RedisServer


@pytest.fixture(scope="module")
def pair(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("pair")
    with (
        django_db_blocker.unblock(),
        running_redis(directory) as redis,
        serving(directory, REDIS_URL=redis.url) as first,
        serving(directory, REDIS_URL=redis.url) as second,
    ):
        yield Pair(first, second, redis)


@pytest.fixture
def people(pair: Pair, transactional_db: None) -> Iterator[Clients]:
    opened = Clients(pair.first)
    yield opened
    opened.close()


@pytest.fixture
def system(transactional_db: None) -> System:
    return new_system()


@pytest.fixture
def room(system: System) -> Room:
    return open_room(system, name="Harvest")


def hear_of(chat: Chat, kind: str, seconds: float = 5) -> Any:
    """The next frame of that type."""
    while True:
        frame = chat.hear(seconds)
        if frame["type"] == kind:
            return frame


def say(chat: Chat, text: str) -> None:
    chat.send({"type": "chat.message", "message": text})


def heard(chat: Chat, count: int) -> list[str]:
    """The texts of the next messages."""
    return [hear_of(chat, "chat.message")["message"] for _ in range(count)]


def test_both_hear_the_same_frames_to_the_letter(pair: Pair, people: Clients, room: Room) -> None:
    alice = people.livechat(room, "alice", profile_url="ignored: the token says who it is")
    assert alice.hear() == {"type": "chat.user.join", "username": "Alice"}
    bob = people.livechat(room, "bob", pair.second)
    assert alice.hear() == bob.hear() == {"type": "chat.user.join", "username": "Bob"}

    say(alice, "안녕하세요")
    said = {"type": "chat.message", "message": "안녕하세요", "sender": "alice@example.com", "nickname": "Alice"}
    assert alice.hear() == bob.hear() == {**said, "profile_picture_url": ""}
    say(bob, "Hello")
    said = {"type": "chat.message", "message": "Hello", "sender": "bob@example.com", "nickname": "Bob"}
    assert alice.hear() == bob.hear() == {**said, "profile_picture_url": ""}
    bob.close()
    assert alice.hear() == {"type": "chat.user.leave", "username": "Bob"}
    assert [message.text for message in RoomMessage.objects.order_by("pk")] == ["안녕하세요", "Hello"]


def test_two_tabs_in_two_processes_are_one_person(pair: Pair, people: Clients, room: Room) -> None:
    bob = people.livechat(room, "bob")
    assert bob.hear() == {"type": "chat.user.join", "username": "Bob"}
    tabs = [people.livechat(room, "alice"), people.livechat(room, "alice", pair.second)]
    assert bob.hear() == {"type": "chat.user.join", "username": "Alice"}
    say(bob, "Hello")
    assert bob.hear()["message"] == "Hello"
    assert [heard(tab, 1) for tab in tabs] == [["Hello"]] * 2

    tabs[0].close()
    assert bob.hears_nothing()
    tabs[1].close()
    assert bob.hear() == {"type": "chat.user.leave", "username": "Alice"}


def test_a_trip_is_one_room_in_both_and_whoever_is_taken_out_is_out_at_once(
    pair: Pair, people: Clients, system: System
) -> None:
    room = trip_room(system, "alice", "bob", role="rider")
    alice, bob = people.trip(system, "alice"), people.trip(system, "bob", pair.second)
    message = {"text": "Hello", "timestamp": 1767225600000}
    alice.send({"type": "message", "roomId": str(room.pk), "message": message})
    frame = bob.hear()
    assert alice.hear() == frame
    sender = {"id": "alice", "name": "Alice", "role": "rider"}
    expected = {"id": RoomMessage.objects.get().pk, **message, "sender": sender}
    assert frame == {"type": "message", "roomId": str(room.pk), "message": expected}

    begun = time.monotonic()
    headers = {"Authorization": f"Bearer {token_of(system, 'server', role='service')}"}
    address = f"{pair.first.http}/rooms/{room.pk}/participants/bob"
    assert requests.delete(address, headers=headers, timeout=5).status_code == 204
    frames, code = bob.closed()
    assert (code, [frame["code"] for frame in frames]) == (4403, ["permission_denied"])
    assert time.monotonic() - begun < BEFORE_A_LOOK


def test_what_is_said_over_http_reaches_the_sockets_of_both(
    pair: Pair, people: Clients, room: Room, tmp_path: Path
) -> None:
    chats = [people.livechat(room, "alice"), people.livechat(room, "bob", pair.second)]
    who = {"user_id": "carol", "nickname": "Carol", "email": "carol@example.com"}
    with gunicorn(tmp_path, pair.redis) as address:
        begun = time.monotonic()
        response = requests.post(
            f"{address}/chat/v1/message/",
            params=who,
            json={"message": "From a server", "room": str(room.pk)},
            headers={"X-API-Key": secret_key(room.system)},
            timeout=10,
        )
        assert response.status_code == 201, response.text
        frames = [hear_of(chat, "chat.message") for chat in chats]
        assert time.monotonic() - begun < BEFORE_A_LOOK
    expected = {"message": "From a server", "sender": "carol@example.com", "nickname": "Carol"}
    assert frames == [{"type": "chat.message", **expected, "profile_picture_url": ""}] * 2


@contextmanager
def gunicorn(directory: Path, redis: RedisServer) -> Iterator[str]:
    """The gateway's HTTP side, on the test's own database."""
    port = free_port()
    settings = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}", "WEB_CONCURRENCY": "1"}
    variables = environment(**{**PRODUCTION, **settings, "DATABASE_URL": database_url(), "REDIS_URL": redis.url})
    with (directory / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "gunicorn"], cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        wait_for(lambda: requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok, 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(40)


def wait_for(is_so: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    pytest.fail("It did not happen in time.")


def test_the_people_of_a_killed_process_are_gone_and_come_back_to_another(
    pair: Pair, people: Clients, room: Room, tmp_path: Path
) -> None:
    with serving(tmp_path, REDIS_URL=pair.redis.url) as victim:
        bob = people.livechat(room, "bob")
        alice = people.livechat(room, "alice", victim, since=0)
        assert hear_of(bob, "chat.user.join")["username"] == "Bob"
        assert hear_of(bob, "chat.user.join")["username"] == "Alice"
        say(bob, "before")
        last = hear_of(alice, "chat.message")["id"]
        assert heard(bob, 1) == ["before"]
        victim.process.kill()
        killed = time.monotonic()
        for number in range(3):
            say(bob, f"meanwhile {number}")
        assert heard(bob, 3) == [f"meanwhile {number}" for number in range(3)]

        assert hear_of(bob, "chat.user.leave", GONE_WITHIN) == {"type": "chat.user.leave", "username": "Alice"}
        assert time.monotonic() - killed < GONE_WITHIN
        assert not Connection.objects.filter(user_id="alice", server__beat_at__gt=Now()).exists()

    back = people.livechat(room, "alice", pair.second, since=last)
    assert heard(back, 3) == [f"meanwhile {number}" for number in range(3)]
    assert hear_of(bob, "chat.user.join")["username"] == "Alice"
    say(bob, "after")
    assert heard(back, 1) == heard(bob, 1) == ["after"]
    assert back.hears_nothing()
    assert set(Connection.objects.values_list("user_id", flat=True)) == {"alice", "bob"}


def test_while_redis_is_away_and_after_it_everything_arrives_once_and_in_order(
    pair: Pair, people: Clients, room: Room
) -> None:
    chats = [people.livechat(room, "alice"), people.livechat(room, "bob", pair.second)]

    def say_in_turns(word: str) -> list[str]:
        texts = [f"{word} {number}" for number in range(6)]
        for number, text in enumerate(texts):
            say(chats[number % 2], text)
            assert hear_of(chats[0], "chat.message")["message"] == text
            assert hear_of(chats[1], "chat.message")["message"] == text
        return texts

    expected = say_in_turns("with Redis")
    pair.redis.stop()
    expected += say_in_turns("without Redis")
    pair.redis.start()
    time.sleep(6)  # for a beat, by which both find out that bells are heard again
    begun = time.monotonic()
    expected += say_in_turns("with Redis again")
    assert time.monotonic() - begun < 6 * 0.4  # by bell, not by looking

    assert all(chat.hears_nothing() for chat in chats)
    assert [message.text for message in RoomMessage.objects.order_by("pk")] == expected
    latecomer = people.livechat(room, "carol", pair.second, since=0)
    assert heard(latecomer, 18) == expected


def test_a_small_crowd_hears_everything_once_and_in_order(pair: Pair, system: System) -> None:
    """The load of the benchmark, which checks every socket, at a rate that any machine can take."""
    rooms = [str(open_room(system).pk) for _ in range(6)]
    tokens = [token_of(system, f"user-{place}", nickname=f"User {place}") for place in range(10)]
    crowd = subprocess.Popen(
        [sys.executable, "-m", "bench.rooms_load"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ports = [pair.first.port, pair.second.port]
    asked = [{"rooms": rooms, "ports": ports, "people": 10, "tokens": tokens}, {"rate": 2, "seconds": 5}]
    said, _ = crowd.communicate("".join(f"{json.dumps(each)}\n" for each in asked), timeout=60)
    found = json.loads(said.splitlines()[1])
    assert (found["said"], found["heard"]) == (60, 600)
    assert [found[name] for name in ("missed", "twice", "disordered", "closed", "refused")] == [0] * 5
    assert RoomMessage.objects.count() == 60
