"""The trip chat contract over real sockets, to the letter."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from rooms import ledger
from rooms.models import Room, RoomMessage
from tenants.models import System
from tests.rooms import Clients, new_system, open_room, token_of, trip_room

NOON = "2024-05-01T12:00:00.000Z"


@pytest.fixture
def system(transactional_db: None) -> System:
    return new_system()


@pytest.fixture
def room(system: System) -> Room:
    return trip_room(system, "alice", "bob", role="member")


def say(room: Room, text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"type": "message", "roomId": str(room.pk), "message": {"text": text, "timestamp": NOON}, **more}


def test_participants_get_what_is_said(clients: Clients, system: System, room: Room) -> None:
    alice, bob = clients.trip(system, "alice"), clients.trip(system, "bob")
    alice.send(say(room))
    heard = alice.hear()
    assert heard == bob.hear()
    assert heard == {
        "type": "message",
        "roomId": str(room.pk),
        "message": {
            "id": RoomMessage.objects.get().pk,
            "text": "Hello",
            "timestamp": NOON,
            "sender": {"id": "alice", "name": "Alice", "role": "member"},
        },
    }
    assert alice.hears_nothing()


@pytest.mark.parametrize("path", ["/ws", "/ws/"])
def test_a_slash_more_does_no_harm(clients: Clients, system: System, room: Room, path: str) -> None:
    alice = clients.open(f"{path}?token={token_of(system, 'alice')}")
    alice.send(say(room))
    assert alice.hear()["message"]["text"] == "Hello"


@pytest.mark.parametrize("moment", ["yesterday", 1714564800, 1714564800.25, "1714564800", '"x"'])
def test_a_timestamp_comes_back_as_it_was(clients: Clients, system: System, room: Room, moment: Any) -> None:
    alice = clients.trip(system, "alice")
    alice.send(say(room) | {"message": {"text": "Hello", "timestamp": moment}})
    assert alice.hear()["message"]["timestamp"] == moment


def test_without_a_timestamp_it_is_ours(clients: Clients, system: System, room: Room) -> None:
    alice = clients.trip(system, "alice")
    alice.send(say(room) | {"message": {"text": "Hello"}})
    moment = datetime.fromisoformat(alice.hear()["message"]["timestamp"])
    assert abs(moment - RoomMessage.objects.get().created_at) < timedelta(milliseconds=1)


def test_one_socket_serves_all_rooms_of_a_person(clients: Clients, system: System, room: Room) -> None:
    other = trip_room(system, "alice")
    alice = clients.trip(system, "alice")
    for where in (room, other):
        alice.send(say(where))
        assert alice.hear()["roomId"] == str(where.pk)


def test_put_into_a_room_they_hear_it_without_coming_again(clients: Clients, system: System) -> None:
    bob = clients.trip(system, "bob")
    later = trip_room(system, "alice")
    alice = clients.trip(system, "alice")
    ledger.put_in(later.pk, "bob")
    alice.send(say(later))
    assert bob.hear()["roomId"] == str(later.pk)
    assert bob.hears_nothing()


def test_what_was_said_before_they_were_put_in_is_not_told(clients: Clients, system: System) -> None:
    later = trip_room(system, "alice")
    alice, bob = clients.trip(system, "alice"), clients.trip(system, "bob")
    alice.send(say(later, "before"))
    alice.hear()
    ledger.put_in(later.pk, "bob")
    alice.send(say(later, "after"))
    assert bob.hear()["message"]["text"] == "after"


def test_a_socket_may_be_for_one_room(clients: Clients, system: System, room: Room) -> None:
    other = trip_room(system, "alice", "bob")
    bob = clients.trip(system, "bob", roomId=room.pk)
    alice = clients.trip(system, "alice")
    alice.send(say(other))
    alice.send(say(room))
    assert bob.hear()["roomId"] == str(room.pk)
    bob.send(say(other))
    assert bob.closed()[1] == 4403


def test_the_token_may_be_a_subprotocol(clients: Clients, system: System, room: Room) -> None:
    alice = clients.open("/ws", subprotocols=["bearer", token_of(system, "alice")])
    assert alice.socket.subprotocol == "bearer"
    alice.send(say(room))
    assert alice.hear()["type"] == "message"


def test_the_token_may_be_the_first_frame(clients: Clients, system: System, room: Room) -> None:
    alice = clients.open("/ws")
    alice.send({"token": token_of(system, "alice")})
    alice.send(say(room))
    assert alice.hear()["type"] == "message"


def test_the_token_may_be_a_header(clients: Clients, system: System, room: Room) -> None:
    alice = clients.open("/ws", additional_headers={"Authorization": f"Bearer {token_of(system, 'alice')}"})
    alice.send(say(room))
    assert alice.hear()["type"] == "message"


@pytest.mark.parametrize("first", [{"token": "nonsense"}, {"token": 5}, {"type": "message"}])
def test_a_first_frame_that_proves_nothing_closes_with_4401(clients: Clients, system: System, first: Any) -> None:
    alice = clients.open("/ws")
    alice.send(first)
    heard, code = alice.closed()
    assert ([frame["type"] for frame in heard], code) == (["error"], 4401)


def test_a_bad_token_closes_with_4401(clients: Clients, system: System) -> None:
    heard, code = clients.open("/ws?token=nonsense").closed()
    assert (heard[0]["type"], heard[0]["code"], code) == ("error", "token_invalid", 4401)


def test_a_bad_token_as_a_subprotocol_closes_with_4401_too(clients: Clients, system: System) -> None:
    """A browser shows the code only if the subprotocol is answered."""
    alice = clients.open("/ws", subprotocols=["bearer", "nonsense"])
    assert alice.socket.subprotocol == "bearer"
    assert alice.closed()[1] == 4401


def test_an_expired_token_closes_with_4401(clients: Clients, system: System) -> None:
    expired = token_of(system, "alice", timedelta(minutes=-5))
    heard, code = clients.open(f"/ws?token={expired}").closed()
    assert (heard[0]["code"], code) == ("token_expired", 4401)


def test_a_token_that_expires_in_mid_session_ends_it(clients: Clients, system: System, room: Room) -> None:
    alice = clients.open(f"/ws?token={token_of(system, 'alice', timedelta(seconds=2))}")
    alice.send(say(room))
    assert alice.hear()["type"] == "message"
    heard, code = alice.closed()
    assert (heard[0]["code"], code) == ("token_expired", 4401)


def test_somebody_elses_room_closes_with_4403(clients: Clients, system: System) -> None:
    others = trip_room(system, "bob")
    alice = clients.trip(system, "alice")
    alice.send(say(others))
    heard, code = alice.closed()
    assert (heard[0]["type"], heard[0]["code"], code) == ("error", "permission_denied", 4403)
    assert not RoomMessage.objects.exists()


@pytest.mark.parametrize("room_id", ["8e2e1a94-6f0e-4d0f-9a8e-0f7a1b0d9a11", "12345", "", None, 7, ["x"]])
def test_no_room_closes_with_4404(clients: Clients, system: System, room_id: Any) -> None:
    alice = clients.trip(system, "alice")
    alice.send({"type": "message", "roomId": room_id, "message": {"text": "Hello"}})
    heard, code = alice.closed()
    assert (heard[0]["code"], code) == ("not_found", 4404)


def test_another_systems_room_is_none(clients: Clients, system: System) -> None:
    elsewhere = trip_room(new_system("cointutor"), "alice")
    alice = clients.trip(system, "alice")
    alice.send(say(elsewhere))
    assert alice.closed()[1] == 4404


@pytest.mark.parametrize(("whose", "code"), [("bob", 4403), ("", 4404)])
def test_a_socket_for_a_room_that_is_not_theirs_is_closed(
    clients: Clients, system: System, whose: str, code: int
) -> None:
    room_id = trip_room(system, "bob").pk if whose else "12345"
    assert clients.trip(system, "alice", roomId=room_id).closed()[1] == code


def test_taken_out_their_sockets_end_at_once(clients: Clients, system: System, room: Room) -> None:
    alice, bob = clients.trip(system, "alice"), clients.trip(system, "bob")
    bob.send(say(room))
    bob.hear()
    ledger.taken_out(room.pk, "bob")
    assert bob.closed()[1] == 4403
    alice.send(say(room, "He has gone"))
    assert [frame["message"]["text"] for frame in alice.hear_many(2)] == ["Hello", "He has gone"]


def test_what_they_say_is_refused_even_before_their_socket_has_ended(
    clients: Clients, system: System, room: Room
) -> None:
    bob = clients.trip(system, "bob")
    room.participants.filter(user_id="bob").delete()
    bob.send(say(room))
    assert bob.closed()[1] == 4403
    assert not RoomMessage.objects.exists()


def test_a_disabled_system_ends_its_sockets(clients: Clients, system: System, room: Room) -> None:
    alice = clients.trip(system, "alice")
    alice.send(say(room))
    alice.hear()
    System.objects.filter(pk=system.pk).update(enabled=False)
    heard, code = alice.closed()
    assert (heard[0]["code"], code) == ("permission_denied", 4403)


def test_what_is_said_in_a_disabled_system_is_refused(clients: Clients, system: System, room: Room) -> None:
    alice = clients.trip(system, "alice")
    System.objects.filter(pk=system.pk).update(enabled=False)
    alice.send(say(room))
    assert alice.closed()[1] == 4403
    assert not RoomMessage.objects.exists()


def test_a_chosen_id_is_acknowledged_and_counts_once(clients: Clients, system: System, room: Room) -> None:
    alice, bob = clients.trip(system, "alice"), clients.trip(system, "bob")
    alice.send(say(room, clientId="a1"))
    alice.send({**say(room), "message": {"text": "Hello", "clientId": "a1"}})
    stored = {"type": "message.stored", "clientId": "a1"}
    acknowledged = [frame for frame in alice.hear_many(3) if frame["type"] == "message.stored"]
    assert acknowledged == [stored | {"id": RoomMessage.objects.get().pk}] * 2
    assert bob.hear()["type"] == "message"
    assert bob.hears_nothing()


def test_both_contracts_speak_to_the_same_room(clients: Clients, system: System) -> None:
    room = trip_room(system, "alice", "bob")
    (bob,) = clients.come(room, "bob")
    alice = clients.trip(system, "alice")
    assert bob.hear() == {"type": "chat.user.join", "username": "Alice"}
    alice.send(say(room))
    assert bob.hear()["message"] == "Hello"
    bob.send({"type": "chat.message", "message": "Hi"})
    assert [frame["message"]["text"] for frame in alice.hear_many(2)] == ["Hello", "Hi"]
    assert alice.hears_nothing()  # comings and goings are no part of this contract


def test_an_address_without_a_socket_is_404(clients: Clients, system: System) -> None:
    with pytest.raises(InvalidStatus) as refused:
        clients.open("/ws/nothing")
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body)["code"] == "not_found"


def test_an_open_room_is_heard_by_who_is_in_it(clients: Clients, system: System) -> None:
    room = open_room(system)
    alice = clients.trip(system, "alice", roomId=room.pk)
    alice.send(say(room))
    assert alice.hear()["message"]["text"] == "Hello"


def test_put_in_again_they_hear_what_is_said_from_then_on(clients: Clients, system: System, room: Room) -> None:
    ledger.taken_out(room.pk, "bob")
    alice, bob = clients.trip(system, "alice"), clients.trip(system, "bob")
    alice.send(say(room, "while he was out"))
    alice.hear()
    ledger.put_in(room.pk, "bob")
    alice.send(say(room, "welcome back"))
    assert bob.hear()["message"]["text"] == "welcome back"
