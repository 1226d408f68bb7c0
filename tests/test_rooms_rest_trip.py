"""The trip chat contract over HTTP: rooms of trips, with a token of the system's own issuer or a server's."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from rooms import ledger, pace, policy
from rooms.models import Participant, Room, RoomMessage
from rooms.person import Person
from tenants import directory
from tenants.models import ApiKey, System
from tests.gateway import Gateway
from tests.test_public_keys import confused, issuer, system
from tests.test_rooms_identity import issued
from tests.test_rooms_rest_livechat import bells, following, refusal

__all__ = ["bells", "issuer", "system"]  # fixtures


@pytest.fixture(autouse=True)
def _fresh() -> None:
    policy.forget()
    pace.forget()


@pytest.fixture
def drillquiz_with_issuer(system: System) -> System:
    system.jwt_algorithm = "RS256"
    system.save()
    return system


class OnTrip(Gateway):
    def __init__(self, **claims: Any) -> None:
        super().__init__({"Authorization": f"Bearer {issued(**claims)}"})

    def open(self, trip_id: Any = "t1", *people: Any) -> Any:
        return self.post("/rooms", tripId=trip_id, participants=list(people))


@pytest.fixture
def server(drillquiz_with_issuer: System) -> OnTrip:
    """DrillQuiz's own, with a service token."""
    return OnTrip(userId=None, role="service", tripId=None, tripRole=None)


@pytest.fixture
def alice(drillquiz_with_issuer: System) -> OnTrip:
    """The owner of trip t1."""
    return OnTrip(userId="alice", name="Alice", tripRole="owner")


@pytest.fixture
def bob(drillquiz_with_issuer: System) -> OnTrip:
    """Somebody on trip t1."""
    return OnTrip(userId="bob", name="Bob", tripRole="member")


@pytest.fixture
def charlie(cointutor: System) -> Gateway:
    return Gateway({"X-API-Key": ApiKey.issue(cointutor)[1]})


def listed(*people: str) -> list[dict[str, str]]:
    return [{"userId": who, "role": "member", "name": who.title()} for who in people]


@pytest.fixture
def room(server: OnTrip) -> dict[str, Any]:
    response = server.open("t1", {"userId": "alice", "role": "owner"}, {"userId": "bob", "role": "member"})
    assert response.status_code == 201, response.content
    return response.json()


def inside(room_id: str) -> set[str]:
    return set(Participant.objects.filter(room_id=room_id, removed_at=None).values_list("user_id", flat=True))


def say(system: System, room_id: str, *texts: str, **more: str) -> list[int]:
    person = Person(system, "alice", name="Alice", role="owner")
    return [ledger.said(uuid.UUID(room_id), person, text, **more)[0].pk for text in texts]


# Opening a room ------------------------------------------------------------------------------------------------


def test_a_server_opens_the_room_of_a_trip(server: OnTrip) -> None:
    response = server.open("t1", {"userId": "alice", "role": "owner", "name": "Alice"}, {"userId": 7, "role": "member"})

    room = response.json()
    assert response.status_code == 201
    assert (room["tripId"], room["closedAt"]) == ("t1", None)
    assert room["participants"] == [
        {"userId": "alice", "role": "owner", "name": "Alice"},
        {"userId": "7", "role": "member", "name": ""},
    ]
    assert Room.objects.get().members_only


def test_a_trip_has_one_room(server: OnTrip) -> None:
    first = server.open("t1", *listed("alice"))
    again = server.open("t1", *listed("bob"))
    other = server.open("t2", *listed("bob"))

    assert [response.status_code for response in (first, again, other)] == [201, 200, 201]
    assert again.json()["id"] == first.json()["id"] != other.json()["id"]
    assert [each["userId"] for each in again.json()["participants"]] == ["alice", "bob"]


def test_another_system_has_its_own_room_of_that_trip(charlie: Gateway, room: dict[str, Any]) -> None:
    response = charlie.post("/rooms", tripId="t1", participants=[])

    assert response.status_code == 201
    assert response.json()["id"] != room["id"]


@pytest.mark.parametrize("claims", [{}, {"tripRole": None, "role": None}])
def test_a_participants_token_opens_the_room_of_its_trip_and_is_in_it(
    drillquiz_with_issuer: System, claims: dict[str, Any]
) -> None:
    bob = OnTrip(userId="bob", name="Bob", **{"tripRole": "member", **claims})

    response = bob.open("t1", {"userId": "alice", "role": "owner"}, {"userId": "bob", "role": "owner"})

    people = {each["userId"]: each["role"] for each in response.json()["participants"]}
    assert response.status_code == 201
    assert people["alice"] == "owner"
    assert people["bob"] == ("member" if not claims else "")  # as the issuer says, not as Bob does


def test_a_token_of_another_trip_opens_nothing(drillquiz_with_issuer: System) -> None:
    for stranger in (OnTrip(userId="bob", tripId="t2"), OnTrip(userId="bob", tripId=None)):
        assert refusal(stranger.open("t1")) == (403, "permission_denied")
    assert not Room.objects.exists()


def test_opening_it_again_lets_one_in_with_a_token_of_the_trip(server: OnTrip, bob: OnTrip) -> None:
    room = server.open("t1", *listed("alice")).json()

    assert bob.open("t1").status_code == 200
    assert inside(room["id"]) == {"alice", "bob"}


def test_opening_it_again_does_not_bring_back_who_was_taken_out(
    bob: OnTrip, alice: OnTrip, room: dict[str, Any]
) -> None:
    alice.delete(f"/rooms/{room['id']}/participants/bob")

    assert refusal(bob.open("t1")) == (404, "not_found")
    assert refusal(bob.open("t1", *listed("bob"))) == (404, "not_found")
    assert inside(room["id"]) == {"alice"}


def test_a_member_may_ask_again_but_puts_nobody_in(bob: OnTrip, room: dict[str, Any]) -> None:
    assert bob.open("t1", {"userId": "alice"}, *listed("bob")).status_code == 200

    assert refusal(bob.open("t1", *listed("mallory"))) == (403, "permission_denied")
    assert refusal(bob.open("t1", {"userId": "alice", "role": "member"})) == (403, "permission_denied")
    assert inside(room["id"]) == {"alice", "bob"}
    assert Participant.objects.get(user_id="alice").role == "owner"


def test_two_requests_at_once_make_one_room(server: OnTrip) -> None:
    def opened(number: int) -> str:
        try:
            return server.open("t9", *listed(f"u{number}")).json()["id"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as crowd:
        ids = list(crowd.map(opened, range(4)))

    assert len(set(ids)) == 1
    assert inside(ids[0]) == {"u0", "u1", "u2", "u3"}


# Who is in it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["server", "alice", "key"])
def test_servers_and_owners_put_people_in_and_take_them_out(
    request: pytest.FixtureRequest, drillquiz_with_issuer: System, room: dict[str, Any], who: str, bells: list[str]
) -> None:
    key = Gateway({"X-API-Key": ApiKey.issue(drillquiz_with_issuer)[1]})
    manager = key if who == "key" else request.getfixturevalue(who)
    path = f"/rooms/{room['id']}/participants"
    dora = {"userId": "dora", "role": "member"}

    put_in = manager.send("POST", path, dora)
    again = manager.send("POST", path, {**dora, "role": "guide", "name": "Dora"})
    out = manager.delete(f"{path}/dora")

    assert (put_in.status_code, put_in.json()) == (201, {"userId": "dora", "role": "member", "name": ""})
    assert (again.status_code, again.json()["role"]) == (200, "guide")
    assert (out.status_code, out.content) == (204, b"")
    assert [bell.split()[1] for bell in bells] == [room["id"]] * 3
    assert inside(room["id"]) == {"alice", "bob"}
    assert refusal(manager.delete(f"{path}/dora")) == (404, "not_found")
    assert manager.send("POST", path, dora).status_code == 201


def test_whoever_is_taken_out_reads_no_more(alice: OnTrip, bob: OnTrip, room: dict[str, Any]) -> None:
    path = f"/rooms/{room['id']}"
    assert bob.get(f"{path}/messages").status_code == 200

    alice.delete(f"{path}/participants/bob")

    assert refusal(bob.get(f"{path}/messages")) == (404, "not_found")
    alice.send("POST", f"{path}/participants", {"userId": "bob", "role": "member"})
    assert bob.get(f"{path}/messages").status_code == 200


def test_a_member_leaves_but_manages_nobody(bob: OnTrip, room: dict[str, Any]) -> None:
    path = f"/rooms/{room['id']}/participants"

    assert refusal(bob.send("POST", path, {"userId": "mallory", "role": "member"})) == (403, "permission_denied")
    assert refusal(bob.delete(f"{path}/alice")) == (403, "permission_denied")
    assert bob.delete(f"{path}/bob").status_code == 204
    assert inside(room["id"]) == {"alice"}


def test_the_owner_of_another_trip_manages_nothing_here(drillquiz_with_issuer: System, room: dict[str, Any]) -> None:
    bob = OnTrip(userId="bob", tripId="t2", tripRole="owner")

    assert refusal(bob.delete(f"/rooms/{room['id']}/participants/alice")) == (403, "permission_denied")


def test_an_owner_who_is_not_in_the_room_finds_none(drillquiz_with_issuer: System, room: dict[str, Any]) -> None:
    mallory = OnTrip(userId="mallory", tripRole="owner", role="admin")

    assert refusal(mallory.delete(f"/rooms/{room['id']}/participants/alice")) == (404, "not_found")
    assert refusal(mallory.get(f"/rooms/{room['id']}/messages")) == (404, "not_found")


@pytest.mark.parametrize("user_id", ["a/b", "a b", "한글", "..", "a?b#c", "a%b"])
def test_any_user_id_can_be_taken_out(server: OnTrip, room: dict[str, Any], user_id: str) -> None:
    path = f"/rooms/{room['id']}/participants"
    server.send("POST", path, {"userId": user_id, "role": "member"})

    assert server.delete(f"{path}/{quote(user_id, safe='')}").status_code == 204
    assert inside(room["id"]) == {"alice", "bob"}


# What was said -------------------------------------------------------------------------------------------------


def test_messages_are_listed_as_in_the_frames(bob: OnTrip, room: dict[str, Any], drillquiz_with_issuer: System) -> None:
    [first] = say(drillquiz_with_issuer, room["id"], "Hello", client_time="2026-01-02T03:04:05Z")
    say(drillquiz_with_issuer, room["id"], "Again")

    rows = bob.get(f"/rooms/{room['id']}/messages").json()

    assert rows[0] == {
        "id": first,
        "text": "Hello",
        "timestamp": "2026-01-02T03:04:05Z",
        "sender": {"id": "alice", "name": "Alice", "role": "owner"},
    }
    assert [row["text"] for row in rows] == ["Hello", "Again"]
    assert rows[1]["timestamp"].endswith("Z")


def test_the_newest_page_comes_first_and_leads_to_older_ones(
    bob: OnTrip, room: dict[str, Any], drillquiz_with_issuer: System
) -> None:
    say(drillquiz_with_issuer, room["id"], *map(str, range(7)))

    newest = bob.get(f"/rooms/{room['id']}/messages", limit=3)
    older = following(bob, newest)
    oldest = following(bob, older)

    assert [[row["text"] for row in page.json()] for page in (newest, older, oldest)] == [
        ["4", "5", "6"],
        ["1", "2", "3"],
        ["0"],
    ]
    assert "Link" not in oldest
    assert parse_limit(newest) == "3"


def parse_limit(response: Any) -> str:
    query = urlsplit(response["Link"].split(">")[0]).query
    return dict(part.split("=") for part in query.split("&"))["limit"]


def test_a_page_has_fifty_unless_asked(bob: OnTrip, room: dict[str, Any], drillquiz_with_issuer: System) -> None:
    for number in range(120):
        RoomMessage.objects.create(room_id=room["id"], text=f"{number}")

    assert len(bob.get(f"/rooms/{room['id']}/messages").json()) == 50
    assert len(bob.get(f"/rooms/{room['id']}/messages", limit=100).json()) == 100


def test_removed_messages_are_left_out(bob: OnTrip, room: dict[str, Any], drillquiz_with_issuer: System) -> None:
    say(drillquiz_with_issuer, room["id"], "Oops")
    RoomMessage.objects.update(removed_at=timezone.now())

    assert bob.get(f"/rooms/{room['id']}/messages").json() == []


# Whose it is ---------------------------------------------------------------------------------------------------


def test_another_systems_room_does_not_exist(charlie: Gateway, room: dict[str, Any]) -> None:
    path = f"/rooms/{room['id']}"
    answers = [
        charlie.get(f"{path}/messages"),
        charlie.send("POST", f"{path}/participants", {"userId": "charlie", "role": "member"}),
        charlie.delete(f"{path}/participants/alice"),
    ]

    assert [refusal(answer) for answer in answers] == [(404, "not_found")] * 3
    assert inside(room["id"]) == {"alice", "bob"}


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://elsewhere.example.com"}, "token_invalid"),
        ({"aud": "billing"}, "token_invalid"),
        ({"exp": 1_700_000_000}, "token_expired"),
        ({"algorithm": "ES256"}, "token_invalid"),
    ],
)
def test_a_token_that_is_not_right_is_refused(room: dict[str, Any], claims: dict[str, Any], code: str) -> None:
    stranger = OnTrip(**{"userId": "alice", **claims})

    assert refusal(stranger.get(f"/rooms/{room['id']}/messages")) == (401, code)
    assert refusal(stranger.open("t1")) == (401, code)


def test_the_identity_in_the_query_is_nobodys(room: dict[str, Any], drillquiz_with_issuer: System) -> None:
    nobody = Gateway({}, user_id="alice", nickname="Alice", email="alice@example.com")

    assert refusal(nobody.get(f"/rooms/{room['id']}/messages")) == (401, "not_authenticated")


def test_a_publishable_key_opens_nothing(drillquiz_with_issuer: System) -> None:
    key = ApiKey.issue(drillquiz_with_issuer, ApiKey.Kind.PUBLISHABLE)[1]

    assert refusal(Gateway({"X-API-Key": key}).post("/rooms", tripId="t1")) == (401, "not_authenticated")


# From a browser ------------------------------------------------------------------------------------------------

SITE = "https://trips.example"


def preflight(path: str, method: str, origin: str) -> str | None:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    response = Client().options(path, headers={**headers, "Access-Control-Request-Headers": "authorization"})
    allowed = response.headers.get("Access-Control-Allow-Origin")
    if allowed:
        assert method in response.headers["Access-Control-Allow-Methods"]
        assert "authorization" in response.headers["Access-Control-Allow-Headers"]
    return allowed


def test_pages_of_allowed_origins_may_call(bob: OnTrip, room: dict[str, Any], drillquiz_with_issuer: System) -> None:
    System.objects.filter(pk="drillquiz").update(allowed_origins=SITE)
    directory.forget()
    path = f"/rooms/{room['id']}/messages"
    bob.headers["Origin"] = SITE

    call = bob.get(path)

    assert preflight(path, "GET", SITE) == preflight("/rooms", "POST", SITE) == SITE
    assert preflight(f"/rooms/{room['id']}/participants/bob", "DELETE", SITE) == SITE
    assert preflight("/chat/v1/message/", "POST", SITE) == SITE
    assert (call.status_code, call.headers["Access-Control-Allow-Origin"]) == (200, SITE)
    assert call.headers.get("Access-Control-Allow-Credentials") is None


def test_pages_from_elsewhere_may_not(
    bob: OnTrip, room: dict[str, Any], drillquiz_with_issuer: System, cointutor: System
) -> None:
    System.objects.filter(pk="cointutor").update(allowed_origins=SITE)
    path = f"/rooms/{room['id']}/messages"
    for origin in (SITE, "https://elsewhere.example", "null"):
        bob.headers["Origin"] = origin
        assert refusal(bob.get(path)) == (403, "origin_not_allowed")

    assert preflight(path, "GET", "https://elsewhere.example") is None
    assert preflight("/rooms/test/token", "POST", SITE) is None


def test_our_own_pages_may(bob: OnTrip, room: dict[str, Any]) -> None:
    bob.headers["Origin"] = "http://testserver"

    assert bob.get(f"/rooms/{room['id']}/messages").status_code == 200


# Bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tripId": ""},
        {"tripId": None},
        {"tripId": ["t"]},
        {"tripId": "x" * 201},
        {"tripId": "a\0b"},
        {"tripId": "t1", "participants": {}},
        {"tripId": "t1", "participants": ["alice"]},
        {"tripId": "t1", "participants": [{}]},
        {"tripId": "t1", "participants": [{"userId": ""}]},
        {"tripId": "t1", "participants": [{"userId": "x" * 257}]},
        {"tripId": "t1", "participants": [{"userId": "a\nb"}]},
        {"tripId": "t1", "participants": [{"userId": True}]},
        {"tripId": "t1", "participants": [{"userId": "a", "role": "x" * 101}]},
        {"tripId": "t1", "participants": [{"userId": f"u{number}"} for number in range(501)]},
        b"nonsense",
        b"[1]",
    ],
)
def test_a_room_that_cannot_be_is_refused(server: OnTrip, body: Any) -> None:
    assert refusal(server.send("POST", "/rooms", body)) == (400, "invalid")
    assert not Room.objects.exists()


@pytest.mark.parametrize("body", [{}, {"userId": None}, {"userId": []}, {"userId": "a", "role": []}, b"nonsense"])
def test_a_participant_who_cannot_be_is_refused(server: OnTrip, room: dict[str, Any], body: Any) -> None:
    assert refusal(server.send("POST", f"/rooms/{room['id']}/participants", body)) == (400, "invalid")


@pytest.mark.parametrize("room_id", [str(uuid.uuid4()), "nonsense", "%00", "x" * 500])
def test_no_room_is_not_found(server: OnTrip, room_id: str) -> None:
    assert refusal(server.get(f"/rooms/{room_id}/messages")) == (404, "not_found")
    assert refusal(server.send("POST", f"/rooms/{room_id}/participants", {"userId": "a"})) == (404, "not_found")
    assert refusal(server.delete(f"/rooms/{room_id}/participants/a")) == (404, "not_found")


@pytest.mark.parametrize("user_id", ["nobody", "%00", "x" * 3000])
def test_taking_out_nobody_is_not_found(server: OnTrip, room: dict[str, Any], user_id: str) -> None:
    assert refusal(server.delete(f"/rooms/{room['id']}/participants/{user_id}")) == (404, "not_found")


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"before": "x"}, {"before": "-1"}])
def test_a_page_has_its_bounds(bob: OnTrip, room: dict[str, Any], query: dict[str, str]) -> None:
    assert refusal(bob.get(f"/rooms/{room['id']}/messages", **query)) == (400, "invalid")


def test_signed_with_the_public_key_is_refused(room: dict[str, Any]) -> None:
    stranger = Gateway({"Authorization": f"Bearer {confused()}"})

    assert refusal(stranger.get(f"/rooms/{room['id']}/messages")) == (401, "token_invalid")
