"""The LiveChat contract over HTTP: rooms that are open to everybody of a system."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from rooms import bell, pace, policy
from rooms.models import Participant, Room, RoomMessage, RoomPolicy
from tenants import tokens
from tenants.models import ApiKey, System
from tests.gateway import Gateway

ALICE = {
    "user_id": "alice",
    "nickname": "Alice",
    "email": "alice@example.com",
    "profile_url": "https://a.example/a.png",
}
BOB = {"user_id": "bob", "nickname": "Bob", "email": "bob@example.com"}
CHARLIE = {"user_id": "charlie", "nickname": "Charlie", "email": "charlie@example.com"}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    policy.forget()
    pace.forget()


class Behind(Gateway):
    """Somebody behind an API gateway, which puts who they are into the address."""

    def __init__(self, system: System, identity: dict[str, str]) -> None:
        super().__init__({"X-API-Key": ApiKey.issue(system)[1]})
        self.who = identity

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, {**self.who, **query}, headers=self.headers)

    def post(self, path: str, **body: Any) -> Any:
        return self.send("POST", path, body)

    def send(self, method: str, path: str, body: Any) -> Any:
        return super().send(method, f"{path}?{urlencode(self.who)}", body)


@pytest.fixture
def alice(drillquiz: System) -> Behind:
    return Behind(drillquiz, ALICE)


@pytest.fixture
def bob(drillquiz: System) -> Behind:
    return Behind(drillquiz, BOB)


@pytest.fixture
def charlie(cointutor: System) -> Behind:
    return Behind(cointutor, CHARLIE)


@pytest.fixture
def server(drillquiz: System) -> Behind:
    """DrillQuiz itself, which names nobody."""
    return Behind(drillquiz, {})


@pytest.fixture
def room(alice: Behind) -> dict[str, Any]:
    return alice.post("/chat/v1/create-room/", name="Algebra", post_id="17").json()


@pytest.fixture
def bells() -> Iterator[list[str]]:
    heard: list[str] = []

    def listener(room_id: uuid.UUID | None, about: str) -> None:
        heard.append(f"{about} {room_id}")

    bell.listeners.append(listener)
    yield heard
    bell.listeners.remove(listener)


def say(who: Behind, room: dict[str, Any], text: str, **more: Any) -> dict[str, Any]:
    response = who.post("/chat/v1/message/", message=text, room=room["id"], **more)
    assert response.status_code in (200, 201), response.content
    return response.json()


def refusal(response: Any) -> tuple[int, str]:
    assert set(response.json()) <= {"detail", "code", "errors"}
    assert response["Content-Type"] == "application/json"
    return response.status_code, response.json()["code"]


# What is there -------------------------------------------------------------------------------------------------


def test_a_room_is_created_listed_and_read(alice: Behind, bob: Behind) -> None:
    response = alice.post("/chat/v1/create-room/", name="Algebra", post_id="17")
    room = response.json()

    assert response.status_code == 201
    assert (room["name"], room["post_id"], room["closed_at"]) == ("Algebra", "17", None)
    assert room["created_at"].endswith("Z")
    assert bob.get("/chat/v1/rooms/").json() == [room]
    assert bob.get(f"/chat/v1/room/{room['id']}/").json() == {**room, "messages": []}


def test_what_is_said_is_there_for_everybody_of_the_system(alice: Behind, bob: Behind, room: dict[str, Any]) -> None:
    said = say(alice, room, " Who knows\nPythagoras? ")
    say(bob, room, "I do.")

    messages = bob.get(f"/chat/v1/room/{room['id']}/").json()["messages"]
    assert messages[0] == said
    assert said == {
        "id": said["id"],
        "room": room["id"],
        "message": " Who knows\nPythagoras? ",
        "sender": "alice@example.com",
        "nickname": "Alice",
        "profile_picture_url": "https://a.example/a.png",
        "created_at": said["created_at"],
    }
    assert [message["nickname"] for message in messages] == ["Alice", "Bob"]


def test_what_is_said_rings_the_bell_for_the_sockets(alice: Behind, room: dict[str, Any], bells: list[str]) -> None:
    say(alice, room, "Hello")

    assert bells == [f"messages {room['id']}"]


def test_said_twice_with_one_client_id_is_said_once(alice: Behind, bob: Behind, room: dict[str, Any]) -> None:
    first = alice.post("/chat/v1/message/", message="Hello", room=room["id"], client_id="a1")
    again = alice.post("/chat/v1/message/", message="Hello", room=room["id"], client_id="a1")
    others = bob.post("/chat/v1/message/", message="Hello", room=room["id"], client_id="a1")

    assert [response.status_code for response in (first, again, others)] == [201, 200, 201]
    assert first.json() == again.json()
    assert RoomMessage.objects.count() == 2


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_slash_too_few_does_no_harm(alice: Behind, room: dict[str, Any], slash: str) -> None:
    assert alice.get(f"/chat/v1/rooms{slash}").json()
    assert alice.get(f"/chat/v1/room/{room['id']}{slash}").json()["id"] == room["id"]
    assert alice.post(f"/chat/v1/create-room{slash}", name="B", post_id="1").status_code == 201
    assert alice.post(f"/chat/v1/message{slash}", message="x", room=room["id"]).status_code == 201


def test_the_system_itself_may_ask_and_speak(server: Behind, room: dict[str, Any]) -> None:
    assert server.get("/chat/v1/rooms/").json() == [room]
    assert say(server, room, "The room closes at six.")["sender"] == ""


def test_a_post_id_may_be_a_number(alice: Behind) -> None:
    assert alice.post("/chat/v1/create-room/", name="Algebra", post_id=17).json()["post_id"] == "17"


def test_with_a_token_no_gateway_is_needed(drillquiz: System, room: dict[str, Any]) -> None:
    token = tokens.issue(drillquiz, "alice", nickname="Alice", email="alice@example.com")[0]
    person = Gateway({"Authorization": f"Bearer {token}"})

    said = person.post("/chat/v1/message/", message="Hello", room=room["id"]).json()

    assert (said["sender"], said["nickname"]) == ("alice@example.com", "Alice")
    assert Client().get(f"/chat/v1/rooms/?token={token}").json()[0]["id"] == room["id"]


def test_from_an_address_that_the_system_lists_the_contract_works_as_written(drillquiz: System) -> None:
    RoomPolicy.objects.create(system=drillquiz, trusted_addresses="127.0.0.1")
    browser = Client()

    room = browser.post("/chat/v1/create-room/", {"name": "A", "post_id": "1"}, "application/json").json()
    sent = browser.post("/chat/v1/message/", {"message": "Hello", "room": room["id"]}, "application/json")

    assert sent.status_code == 201
    assert browser.get(f"/chat/v1/room/{room['id']}/").json()["messages"][0]["message"] == "Hello"
    assert [each["id"] for each in browser.get("/chat/v1/rooms/").json()] == [room["id"]]


# Pages ---------------------------------------------------------------------------------------------------------


def following(who: Gateway, response: Any) -> Any:
    address = urlsplit(response["Link"].removeprefix("<").split(">")[0])
    return who.client.get(f"{address.path}?{address.query}", headers=who.headers)


def test_rooms_are_listed_newest_first_page_by_page(alice: Behind) -> None:
    for number in range(5):
        alice.post("/chat/v1/create-room/", name=f"{number}", post_id="1")

    response = alice.get("/chat/v1/rooms/", limit=2)
    names = [room["name"] for room in response.json()]
    while "Link" in response:
        response = following(alice, response)
        names += [room["name"] for room in response.json()]

    assert names == ["4", "3", "2", "1", "0"]


def test_rooms_of_one_moment_are_all_listed(alice: Behind, drillquiz: System) -> None:
    for number in range(5):
        Room.objects.create(system=drillquiz, name=f"{number}")
    Room.objects.update(created_at=Room.objects.first().created_at)  # type: ignore[union-attr]

    response = alice.get("/chat/v1/rooms/", limit=2)
    names = [room["name"] for room in response.json()]
    while "Link" in response:
        response = following(alice, response)
        names += [room["name"] for room in response.json()]

    assert sorted(names) == ["0", "1", "2", "3", "4"]


def test_a_room_shows_its_newest_hundred_and_leads_to_older_ones(
    alice: Behind, room: dict[str, Any], drillquiz: System
) -> None:
    for number in range(250):
        RoomMessage.objects.create(room_id=room["id"], text=f"{number}")

    newest = alice.get(f"/chat/v1/room/{room['id']}/")
    older = following(alice, newest)
    oldest = following(alice, older)

    pages = [[int(message["message"]) for message in page.json()["messages"]] for page in (oldest, older, newest)]
    assert pages == [list(range(50)), list(range(50, 150)), list(range(150, 250))]
    assert "Link" not in oldest
    assert oldest.json()["name"] == "Algebra"


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "1.5"])
def test_a_page_has_its_bounds(alice: Behind, limit: str) -> None:
    assert refusal(alice.get("/chat/v1/rooms/", limit=limit)) == (400, "invalid")


@pytest.mark.parametrize("before", ["0", "x", "-1", str(2**70), "1;drop"])
def test_before_is_the_id_of_a_message(alice: Behind, room: dict[str, Any], before: str) -> None:
    assert refusal(alice.get(f"/chat/v1/room/{room['id']}/", before=before)) == (400, "invalid")


# Whose it is ---------------------------------------------------------------------------------------------------


def test_another_systems_rooms_do_not_exist(charlie: Behind, alice: Behind, room: dict[str, Any]) -> None:
    say(alice, room, "Mine")

    assert charlie.get("/chat/v1/rooms/").json() == []
    assert refusal(charlie.get("/chat/v1/rooms/", last_id=room["id"])) == (404, "not_found")
    assert refusal(charlie.get(f"/chat/v1/room/{room['id']}/")) == (404, "not_found")
    assert refusal(charlie.post("/chat/v1/message/", message="x", room=room["id"])) == (404, "not_found")
    assert RoomMessage.objects.count() == 1


def test_a_room_for_its_participants_only_does_not_exist_for_others(
    alice: Behind, bob: Behind, server: Behind, drillquiz: System
) -> None:
    trip = Room.objects.create(system=drillquiz, members_only=True, trip_id="t1")
    Participant.objects.create(room=trip, user_id="alice")

    assert len(alice.get("/chat/v1/rooms/").json()) == len(server.get("/chat/v1/rooms/").json()) == 1
    assert bob.get("/chat/v1/rooms/").json() == []
    assert refusal(bob.get(f"/chat/v1/room/{trip.pk}/")) == (404, "not_found")
    assert refusal(bob.post("/chat/v1/message/", message="x", room=str(trip.pk))) == (404, "not_found")


def test_whoever_was_taken_out_does_not_find_the_room(alice: Behind, room: dict[str, Any], server: Behind) -> None:
    assert server.send("DELETE", f"/rooms/{room['id']}/participants/alice", {}).status_code == 204

    assert alice.get("/chat/v1/rooms/").json() == []
    assert refusal(alice.get(f"/chat/v1/room/{room['id']}/")) == (404, "not_found")
    assert refusal(alice.post("/chat/v1/message/", message="x", room=room["id"])) == (404, "not_found")


def test_a_closed_room_is_read_and_not_written(alice: Behind, room: dict[str, Any]) -> None:
    say(alice, room, "Last words")
    Room.objects.update(closed_at=Room.objects.get().created_at)

    read = alice.get(f"/chat/v1/room/{room['id']}/").json()
    assert (len(read["messages"]), bool(read["closed_at"])) == (1, True)
    assert refusal(alice.post("/chat/v1/message/", message="x", room=room["id"])) == (403, "room_closed")


def test_a_removed_message_is_gone_from_the_room(alice: Behind, room: dict[str, Any]) -> None:
    say(alice, room, "Oops")
    RoomMessage.objects.update(removed_at=Room.objects.get().created_at)

    assert alice.get(f"/chat/v1/room/{room['id']}/").json()["messages"] == []


def test_a_disabled_system_is_refused(alice: Behind, room: dict[str, Any], drillquiz: System) -> None:
    drillquiz.enabled = False
    drillquiz.save()

    for response in (alice.get("/chat/v1/rooms/"), alice.post("/chat/v1/create-room/", name="x", post_id="1")):
        assert refusal(response) == (403, "permission_denied")


def test_without_trust_nothing_is_answered(drillquiz: System, room: dict[str, Any]) -> None:
    browser = Client()
    answers = [
        browser.get("/chat/v1/rooms/", ALICE),
        browser.get(f"/chat/v1/room/{room['id']}/", {**ALICE, "system_id": "drillquiz"}),
        browser.post("/chat/v1/create-room/?user_id=alice", {"name": "x"}, "application/json"),
        browser.post("/chat/v1/message/", {"message": "x", "room": room["id"]}, "application/json"),
    ]

    assert [refusal(answer) for answer in answers] == [(401, "not_authenticated")] * 4
    assert answers[0]["WWW-Authenticate"] == "Bearer"
    assert Room.objects.count() == 1


# Bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 201},
        {"name": ["x"]},
        {"name": {"a": 1}},
        {"name": None},
        {"name": "a\0b"},
        {"name": "x", "post_id": "y" * 201},
        {"name": "x", "post_id": []},
        b"nonsense",
        b"[]",
        b"",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
    ],
)
def test_a_room_that_cannot_be_is_refused(alice: Behind, body: Any) -> None:
    assert refusal(alice.send("POST", "/chat/v1/create-room/", body)) == (400, "invalid")
    assert not Room.objects.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"message": ""},
        {"message": "  \n "},
        {"room": None},
        {"message": ["x"]},
        {"message": {"text": "x"}},
        {"message": None},
        {"message": True},
        {"message": "a\0b"},
        {"client_id": "x" * 101},
        {"client_id": ["x"]},
        {"client_id": ""},
        {"room": 7.5},
        {"room": ["x"]},
        {"room": ""},
    ],
)
def test_a_message_that_cannot_be_is_refused(alice: Behind, room: dict[str, Any], more: dict[str, Any]) -> None:
    response = alice.send("POST", "/chat/v1/message/", {"message": "x", "room": room["id"], **more})

    assert response.status_code in (400, 404), response.content
    assert response.json()["code"] in ("invalid", "not_found")
    assert not RoomMessage.objects.exists()


@pytest.mark.parametrize("room_id", [str(uuid.uuid4()), "nonsense", "1", "%00", "x" * 500, "..", "\u202e"])
def test_no_room_is_not_found(alice: Behind, room_id: str) -> None:
    assert refusal(alice.get(f"/chat/v1/room/{room_id}/")) == (404, "not_found")
    assert alice.post("/chat/v1/message/", message="x", room=room_id).status_code in (400, 404)


def test_a_message_has_its_size(alice: Behind, room: dict[str, Any], settings: Settings) -> None:
    settings.ROOMS_MAX_MESSAGE_BYTES = 256

    assert say(alice, room, "ü" * 128)
    assert refusal(alice.post("/chat/v1/message/", message="ü" * 129, room=room["id"])) == (413, "too_large")


def test_a_huge_body_is_refused(alice: Behind, room: dict[str, Any]) -> None:
    assert refusal(alice.post("/chat/v1/message/", message="x" * 10**6, room=room["id"])) == (413, "too_large")


def test_nobody_sends_faster_than_the_system_lets_them(
    alice: Behind, bob: Behind, server: Behind, room: dict[str, Any], drillquiz: System
) -> None:
    RoomPolicy.objects.create(system=drillquiz, messages_per_minute=2)
    say(alice, room, "1")
    say(alice, room, "2")

    response = alice.post("/chat/v1/message/", message="3", room=room["id"])

    assert refusal(response) == (429, "quota_exceeded")
    assert 0 < int(response["Retry-After"]) <= 60
    say(bob, room, "Another may.")
    for number in range(4):
        say(server, room, f"A server speaks for many: {number}")


@pytest.mark.parametrize("path", ["/chat/v1", "/chat/v1/", "/chat/v1/nothing/", "/rooms/x/y", "/rooms/x/participants"])
def test_an_unknown_address_is_json(alice: Behind, path: str) -> None:
    response = alice.client.get(path, headers={"Accept": "text/html", **alice.headers})

    assert refusal(response) in [(404, "not_found"), (405, "method_not_allowed")]


def test_a_form_is_not_taken_for_json(alice: Behind, room: dict[str, Any]) -> None:
    response = alice.client.post(
        "/chat/v1/message/", {"message": "x", "room": room["id"]}, headers=alice.headers, query_params=ALICE
    )

    assert refusal(response) == (400, "invalid")
