"""The LiveChat contract over real sockets, to the letter."""

import json

import pytest
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from rooms import ledger
from rooms.models import Connection, Participant, Room, RoomMessage
from tests.rooms import Clients, new_system, open_room, token_of, trip_room

HELLO = {"type": "chat.message", "message": "Hello"}


@pytest.fixture
def room(transactional_db: None) -> Room:
    return open_room(new_system())


def test_everybody_in_the_room_gets_what_is_said(clients: Clients, room: Room) -> None:
    alice = clients.named(room, "alice", profile_url="https://a.example/alice.png")
    assert alice.hear() == {"type": "chat.user.join", "username": "Alice"}
    bob = clients.named(room, "bob")
    assert alice.hear() == bob.hear() == {"type": "chat.user.join", "username": "Bob"}

    alice.send(HELLO)
    assert (
        alice.hear()
        == bob.hear()
        == {
            "type": "chat.message",
            "message": "Hello",
            "sender": "alice@example.com",
            "nickname": "Alice",
            "profile_picture_url": "https://a.example/alice.png",
        }
    )
    assert RoomMessage.objects.get().text == "Hello"


def test_join_and_leave_count_people_and_not_tabs(clients: Clients, room: Room) -> None:
    alice = clients.named(room, "alice")
    alice.hear()
    first_tab = clients.named(room, "bob")
    assert alice.hear()["type"] == first_tab.hear()["type"] == "chat.user.join"
    second_tab = clients.named(room, "bob")
    assert alice.hears_nothing()

    first_tab.close()
    assert alice.hears_nothing()
    alice.send(HELLO)
    assert second_tab.hear()["message"] == alice.hear()["message"] == "Hello"

    second_tab.close()
    assert alice.hear() == {"type": "chat.user.leave", "username": "Bob"}
    assert list(Connection.objects.values_list("user_id", flat=True)) == ["alice"]


def test_both_tabs_of_one_person_hear_what_one_of_them_says(clients: Clients, room: Room) -> None:
    first = clients.named(room, "alice")
    first.hear()
    second = clients.named(room, "alice")
    first.send(HELLO)
    assert first.hear()["message"] == second.hear()["message"] == "Hello"
    assert second.hears_nothing()


def test_rooms_do_not_hear_each_other(clients: Clients, room: Room) -> None:
    elsewhere = clients.named(open_room(room.system), "bob")
    elsewhere.hear()
    alice = clients.named(room, "alice")
    alice.hear()
    alice.send(HELLO)
    assert alice.hear()["message"] == "Hello"
    assert elsewhere.hears_nothing()


def test_who_enters_becomes_a_participant_as_they_are_now(clients: Clients, room: Room) -> None:
    clients.named(room, "alice", nickname="Al").hear()
    clients.named(room, "alice", nickname="Alice Liddell")
    participant = Participant.objects.get(room=room)
    assert (participant.user_id, participant.name, participant.email) == (
        "alice",
        "Alice Liddell",
        "alice@example.com",
    )


@pytest.mark.parametrize("room_id", ["8e2e1a94-6f0e-4d0f-9a8e-0f7a1b0d9a11", "12345", "%00", "x" * 300])
def test_a_room_that_does_not_exist_refuses_the_handshake(clients: Clients, room: Room, room_id: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        clients.open(f"/ws/chat/{room_id}/chat/?token={token_of(room.system, 'alice')}")
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body)["code"] == "not_found"


def test_another_systems_room_does_not_exist(clients: Clients, room: Room) -> None:
    elsewhere = open_room(new_system("cointutor"))
    with pytest.raises(InvalidStatus) as refused:
        clients.open(f"/ws/chat/{elsewhere.pk}/chat/?token={token_of(room.system, 'alice')}")
    assert refused.value.response.status_code == 404


def test_a_token_stands_for_the_identity(clients: Clients, room: Room) -> None:
    token = token_of(room.system, "alice", nickname="Al", email="al@example.com", profile_url="https://a.example/a.png")
    alice = clients.open(f"/ws/chat/{room.pk}/chat/?token={token}")
    alice.hear()
    alice.send(HELLO)
    said = alice.hear()
    assert (said["sender"], said["profile_picture_url"]) == ("al@example.com", "https://a.example/a.png")


def test_without_trust_or_token_it_is_closed_with_4401(clients: Clients) -> None:
    room = open_room(new_system())
    heard, code = clients.open(f"/ws/chat/{room.pk}/chat/?user_id=alice&nickname=A&email=a@example.com").closed()
    assert (heard[0]["type"], heard[0]["code"], code) == ("error", "not_authenticated", 4401)


@pytest.mark.parametrize("missing", ["nickname", "email"])
def test_what_the_contract_requires_is_asked_for(clients: Clients, room: Room, missing: str) -> None:
    heard, code = clients.named(room, "alice", None, **{missing: ""}).closed()
    assert (heard[0]["code"], code) == ("invalid", 4400)
    assert missing in heard[0]["detail"]


def test_an_id_chosen_by_the_client_is_acknowledged_to_it_alone(clients: Clients, room: Room) -> None:
    alice, bob = clients.come(room, "alice", "bob")
    alice.send(HELLO | {"client_id": "a1"})
    heard = alice.hear_many(2)
    stored = RoomMessage.objects.get()
    assert {"type": "message.stored", "client_id": "a1", "id": stored.pk} in heard
    assert bob.hear()["type"] == "chat.message"
    assert bob.hears_nothing()


def test_sent_twice_with_one_id_it_is_said_once(clients: Clients, room: Room) -> None:
    alice, bob = clients.come(room, "alice", "bob")
    for _ in range(2):
        alice.send(HELLO | {"client_id": "a1"})
    acknowledged = [frame["id"] for frame in alice.hear_many(3) if frame["type"] == "message.stored"]
    assert acknowledged == [RoomMessage.objects.get().pk] * 2
    assert bob.hear()["type"] == "chat.message"
    assert bob.hears_nothing()


def test_the_same_id_of_somebody_else_is_another_message(clients: Clients, room: Room) -> None:
    for name in ("alice", "bob"):
        chat = clients.named(room, name)
        chat.hear()
        chat.send(HELLO | {"client_id": "1"})
        chat.hear_many(2)
    assert RoomMessage.objects.count() == 2


def test_somebody_taken_out_is_shown_out_and_kept_out(clients: Clients, room: Room) -> None:
    alice, bob = clients.come(room, "alice", "bob")
    ledger.taken_out(room.pk, "bob")
    heard, code = bob.closed()
    assert (heard[0]["type"], heard[0]["code"], code) == ("error", "permission_denied", 4403)
    assert alice.hear() == {"type": "chat.user.leave", "username": "Bob"}
    assert clients.named(room, "bob").closed()[1] == 4403


def test_a_room_for_members_lets_nobody_else_in(clients: Clients, room: Room) -> None:
    members = trip_room(room.system, "alice")
    assert clients.named(members, "alice").hear()["type"] == "chat.user.join"
    assert clients.named(members, "bob").closed()[1] == 4403


def test_a_room_that_is_deleted_ends_its_sockets_with_4404(clients: Clients, room: Room) -> None:
    alice = clients.named(room, "alice")
    alice.hear()
    room.delete()
    assert alice.closed()[1] == 4404


def test_a_closed_room_can_be_read_but_not_written(clients: Clients, room: Room) -> None:
    alice = clients.named(room, "alice")
    alice.hear()
    Room.objects.update(closed_at=timezone.now())
    alice.send(HELLO)
    assert alice.hear()["code"] == "room_closed"
    alice.send(HELLO)
    assert alice.hear()["code"] == "room_closed"
    assert not RoomMessage.objects.exists()
