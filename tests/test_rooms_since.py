"""Coming back with `since`: what was missed, exactly once, and from there on everything."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from rooms import ledger
from rooms.models import Room, RoomMessage
from rooms.person import Person
from tests.rooms import Chat, Clients, new_system, open_room, trip_room

MANY = 2 * ledger.PAGE + 50


@pytest.fixture
def room(transactional_db: None) -> Room:
    return open_room(new_system())


def said(room: Room, *texts: str) -> list[int]:
    somebody = Person(room.system, "carol", name="Carol", email="carol@example.com")
    ledger.entered(room.pk, somebody)
    return [ledger.said(room.pk, somebody, text)[0].pk for text in texts]


def ids_of(chat: Chat, count: int) -> list[int]:
    """Of messages alone; comings and goings are left out."""
    found: list[int] = []
    while len(found) < count:
        frame = chat.hear()
        found += [frame["id"]] if frame["type"] == "chat.message" else []
    return found


def test_what_was_missed_comes_in_order_and_once(clients: Clients, room: Room) -> None:
    first, *missed = said(room, "one", "two", "three")
    alice = clients.named(room, "alice", since=first)
    assert [alice.hear()["message"] for _ in missed] == ["two", "three"]
    assert alice.hear()["type"] == "chat.user.join"
    assert alice.hears_nothing()


def test_since_zero_is_from_the_beginning_with_ids(clients: Clients, room: Room) -> None:
    ids = said(room, "one", "two")
    alice = clients.named(room, "alice", since=0)
    assert alice.hear() == {
        "type": "chat.message",
        "message": "one",
        "sender": "carol@example.com",
        "nickname": "Carol",
        "profile_picture_url": "",
        "id": ids[0],
    }
    assert ids_of(alice, 1) == ids[1:]


def test_without_since_nothing_is_missed_and_nothing_has_an_id(clients: Clients, room: Room) -> None:
    said(room, "before")
    (alice,) = clients.come(room, "alice")
    said(room, "after")
    frame = alice.hear()
    assert (frame["message"], "id" in frame) == ("after", False)


def test_more_than_a_page_is_missed(clients: Clients, room: Room) -> None:
    ids = said(room, *[f"message {number}" for number in range(MANY)])
    alice = clients.named(room, "alice", since=0)
    assert ids_of(alice, MANY) == ids


def test_an_id_from_the_future_hides_nothing_that_comes(clients: Clients, room: Room) -> None:
    (last,) = said(room, "one")
    alice = clients.named(room, "alice", since=last + 1000)
    alice.hear()
    said(room, "two")
    assert alice.hear()["message"] == "two"


def test_what_was_removed_is_not_told(clients: Clients, room: Room) -> None:
    first, _ = said(room, "one", "two")
    RoomMessage.objects.filter(pk=first).update(removed_at=timezone.now())
    alice = clients.named(room, "alice", since=0)
    assert alice.hear()["message"] == "two"


@pytest.mark.parametrize("since", ["-1", "yesterday", "1.5", "9" * 30, "٣"])
def test_a_since_that_is_no_id_is_said(clients: Clients, room: Room, since: str) -> None:
    heard, code = clients.named(room, "alice", since=since).closed()
    assert (heard[0]["code"], code) == ("invalid", 4400)


def test_whoever_comes_while_others_talk_has_no_gap_and_nothing_twice(clients: Clients, room: Room) -> None:
    """Half of them come for the first time, and half come back, all at some moment of a long talk."""
    (first,) = said(room, "first")
    with talking(room) as talk:
        comers = [clients.named(room, f"user{number}", since=first) for number in range(10)]
        talk.wait_for(60)
    everything = list(RoomMessage.objects.filter(pk__gt=first).order_by("pk").values_list("pk", flat=True))
    for comer in comers:
        assert ids_of(comer, len(everything)) == everything


def test_a_connection_that_broke_goes_on_where_it_was(clients: Clients, room: Room) -> None:
    heard: list[int] = []
    with talking(room) as talk:
        for _ in range(5):
            alice = clients.named(room, "alice", since=heard[-1] if heard else 0)
            heard += ids_of(alice, 7)
            alice.close()
        talk.wait_for(40)
    alice = clients.named(room, "alice", since=heard[-1])
    everything = list(RoomMessage.objects.order_by("pk").values_list("pk", flat=True))
    assert heard + ids_of(alice, len(everything) - len(heard)) == everything


def test_the_trip_contract_comes_back_to_all_its_rooms(clients: Clients, room: Room) -> None:
    rooms = [trip_room(room.system, "alice", "carol") for _ in range(2)]
    first, *missed = [said(where, text)[0] for text in ("one", "two") for where in rooms]
    alice = clients.trip(room.system, "alice", since=first)
    assert sorted(alice.hear()["message"]["id"] for _ in missed) == missed
    assert alice.hears_nothing()


class talking:  # noqa: N801, it reads as a sentence
    """Carol talks, from another thread, for as long as it lasts."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.count = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._talk)

    def _talk(self) -> None:
        while not self._over.wait(0.01):
            said(self.room, f"message {self.count}")
            self.count += 1
        connection.close()

    def wait_for(self, count: int) -> None:
        while self.count < count and self._thread.is_alive():
            self._over.wait(0.01)

    def __enter__(self) -> "talking":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._thread.join()
