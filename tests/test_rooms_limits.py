"""What a socket may not do: every kind of bad frame, too much, too fast, too many, too slow, from elsewhere."""

import json
import socket
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from rooms.models import Connection, Room, RoomMessage, RoomPolicy
from rooms.sockets import MOST_SOCKETS
from tenants.models import System
from tests.rooms import Chat, Clients, handshake, new_system, open_room, token_of, trip_room

HELLO = {"type": "chat.message", "message": "Hello"}
KIB = 1024


@pytest.fixture
def room(transactional_db: None) -> Room:
    return open_room(new_system())


@pytest.fixture
def alice(clients: Clients, room: Room) -> Chat:
    return clients.come(room, "alice")[0]


def says(chat: Chat, room: Room, frame: Any, code: str) -> str:
    """It gets an error frame, nobody else hears anything, and the socket goes on. Returns what it was told."""
    chat.send(frame)
    error = chat.hear()
    assert (error["type"], error["code"], set(error)) == ("error", code, {"type", "code", "detail"})
    chat.send(HELLO)
    assert chat.hear()["message"] == "Hello"
    assert RoomMessage.objects.filter(room=room).count() == 1
    return str(error["detail"])


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "invalid"),
        ("{", "invalid"),
        ("nonsense", "invalid"),
        ("[]", "invalid"),
        ("null", "invalid"),
        ('"text"', "invalid"),
        ("[" * 2000, "invalid"),
        ('{"type": "chat.message", "message": "\\ud800"}', "invalid"),
        (b'{"type": "chat.message", "message": "Hello"}', "invalid"),
        (b"\x00\xff", "invalid"),
        ({}, "invalid"),
        ({"message": "Hello"}, "invalid"),
        ({"type": "chat.shout", "message": "Hello"}, "unknown_type"),
        ({"type": None, "message": "Hello"}, "unknown_type"),
        ({"type": ["chat.message"], "message": "Hello"}, "unknown_type"),
        ({"type": "chat.message"}, "invalid"),
        ({"type": "chat.message", "message": ""}, "invalid"),
        ({"type": "chat.message", "message": " \n "}, "invalid"),
        ({"type": "chat.message", "message": None}, "invalid"),
        ({"type": "chat.message", "message": 5}, "invalid"),
        ({"type": "chat.message", "message": {"text": "Hello"}}, "invalid"),
        ({"type": "chat.message", "message": "a\0b"}, "invalid"),
        ({"type": "chat.message", "message": "Hello", "client_id": {}}, "invalid"),
        ({"type": "chat.message", "message": "Hello", "client_id": ""}, "invalid"),
        ({"type": "chat.message", "message": "Hello", "client_id": "x" * 101}, "invalid"),
        ({"type": "chat.message", "message": "Hello", "client_id": "a\0"}, "invalid"),
        ({"type": "chat.message", "message": "x" * 16 * KIB}, "too_large"),
        ({"type": "chat.message", "message": "한" * 6 * KIB}, "too_large"),
        ({"type": "chat.message", "message": "x" * KIB * KIB}, "too_large"),
        (b"x" * KIB * KIB, "invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_frame_gets_an_error_frame_and_the_socket_goes_on(alice: Chat, room: Room, frame: Any, code: str) -> None:
    assert says(alice, room, frame, code).endswith(".")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "invalid"),
        (b"\x00", "invalid"),
        ({}, "invalid"),
        ({"type": "shout"}, "unknown_type"),
        ({"type": "message", "message": {"text": "Hello"}}, "invalid"),
        ({"type": "message", "roomId": "ROOM"}, "invalid"),
        ({"type": "message", "roomId": "ROOM", "message": "Hello"}, "invalid"),
        ({"type": "message", "roomId": "ROOM", "message": {}}, "invalid"),
        ({"type": "message", "roomId": "ROOM", "message": {"text": 5}}, "invalid"),
        ({"type": "message", "roomId": "ROOM", "message": {"text": "Hello", "timestamp": {}}}, "invalid"),
        ({"type": "message", "roomId": "ROOM", "message": {"text": "Hello", "timestamp": True}}, "invalid"),
        ({"type": "message", "roomId": "ROOM", "message": {"text": "Hello", "timestamp": "x" * 65}}, "invalid"),
        ({"type": "message", "roomId": "ROOM", "message": {"text": "x" * KIB * KIB}}, "too_large"),
        ({"type": "message", "roomId": "ROOM", "clientId": 1.5, "message": {"text": "Hello"}}, "invalid"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_trip_contract_says_what_is_wrong_too(clients: Clients, room: Room, frame: Any, code: str) -> None:
    trip = trip_room(room.system, "alice")
    alice = clients.trip(room.system, "alice")
    alice.send({**frame, "roomId": str(trip.pk)} if isinstance(frame, dict) and "roomId" in frame else frame)
    error = alice.hear()
    assert (error["type"], error["code"], set(error)) == ("error", code, {"type", "code", "detail"})
    alice.send({"type": "message", "roomId": str(trip.pk), "message": {"text": "Hello"}})
    assert alice.hear()["message"]["text"] == "Hello"


def test_what_is_just_small_enough_is_said(alice: Chat) -> None:
    text = "x" * (16 * KIB - len(json.dumps(HELLO | {"message": ""})))
    alice.send(HELLO | {"message": text})
    assert alice.hear()["message"] == text


def test_a_person_who_sends_too_fast_is_told_in_all_tabs_to_wait(clients: Clients, room: Room) -> None:
    RoomPolicy.objects.update(messages_per_minute=3)
    first, bob = clients.come(room, "alice", "bob")
    second = clients.named(room, "alice")
    for chat in (first, second, second):
        chat.send(HELLO)
        assert first.hear() == second.hear() == bob.hear()
    for chat in (first, second):
        chat.send(HELLO)
        assert chat.hear()["code"] == "quota_exceeded"
    bob.send(HELLO)
    assert bob.hear()["nickname"] == "Bob"
    assert RoomMessage.objects.count() == 4


def test_what_cannot_be_understood_counts_too(clients: Clients, room: Room) -> None:
    RoomPolicy.objects.update(messages_per_minute=3)
    (alice,) = clients.come(room, "alice")
    for _ in range(5):
        alice.send("nonsense")
    assert [frame["code"] for frame in alice.hear_many(5)] == ["invalid"] * 3 + ["quota_exceeded"] * 2


def test_a_person_may_have_many_sockets_in_a_room_but_not_any_number(clients: Clients, room: Room) -> None:
    for _ in range(MOST_SOCKETS):
        clients.named(room, "alice")
    wait_for_connections(MOST_SOCKETS)
    heard, code = clients.named(room, "alice").closed()
    assert (heard[-1]["code"], code) == ("too_many_sockets", 4429)
    assert clients.named(room, "bob").hear() == {"type": "chat.user.join", "username": "Bob"}


def wait_for_connections(count: int) -> None:
    deadline = time.monotonic() + 5
    while Connection.objects.count() != count:
        assert time.monotonic() < deadline, Connection.objects.count()
        time.sleep(0.05)


# Origins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://127.0.0.1.evil.example", "https://["])
def test_a_page_from_elsewhere_is_refused(clients: Clients, room: Room, origin: str) -> None:
    for path in paths(room):
        with pytest.raises(InvalidStatus) as refused:
            clients.open(path, origin=origin)
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["code"] == "origin_not_allowed"


def paths(room: Room) -> list[str]:
    token = token_of(room.system, "alice")
    return [f"/ws/chat/{room.pk}/chat/?token={token}", f"/ws?token={token}"]


def test_pages_that_the_system_allows_may_connect(clients: Clients, transactional_db: None) -> None:
    system = new_system()
    System.objects.filter(pk=system.pk).update(allowed_origins="https://shop.example")
    for path in paths(open_room(system)):
        clients.open(path, origin="https://shop.example")


@pytest.mark.parametrize("port", ["", ":8088"])
def test_pages_of_the_same_host_may_connect(clients: Clients, room: Room, port: str) -> None:
    for path in paths(room):
        clients.open(path, origin=f"http://127.0.0.1{port}")


def test_a_page_from_elsewhere_may_not_bring_its_token_later_either(clients: Clients, room: Room) -> None:
    alice = clients.open("/ws", origin="https://evil.example")
    alice.send({"token": token_of(room.system, "alice")})
    heard, code = alice.closed()
    assert (heard[0]["code"], code) == ("origin_not_allowed", 4403)


def test_a_host_that_is_not_ours_is_refused(clients: Clients, room: Room) -> None:
    with socket.create_connection(("127.0.0.1", clients.served.port)) as raw:
        raw.sendall(handshake(paths(room)[1]).replace(b"Host: 127.0.0.1", b"Host: rebound.example"))
        assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
