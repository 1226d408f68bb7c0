"""Rooms in the admin: who sees which, and what the buttons do."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from rooms import bell, ledger, policy
from rooms.models import Participant, Room, RoomMessage, RoomPolicy
from rooms.person import Person
from tenants.models import System
from tests.control_room import ControlRoom, form_fields, operator, page_of, superuser, told
from tests.gateway import Gateway
from tests.test_rooms_rest_livechat import ALICE, Behind

LIST = "/admin/rooms/room/"
POLICIES = "/admin/rooms/roompolicy/"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    policy.forget()


@pytest.fixture
def room(drillquiz: System) -> Room:
    room = Room.objects.create(system=drillquiz, name="Algebra", post_id="17")
    ledger.entered(room.pk, Person(drillquiz, "alice", name="Alice"))
    ledger.entered(room.pk, Person(drillquiz, "bob", name="Bob"))
    return room


@pytest.fixture
def foreign_room(cointutor: System) -> Room:
    return Room.objects.create(system=cointutor, name="Bonds")


@pytest.fixture
def bells() -> Iterator[list[uuid.UUID | None]]:
    heard: list[uuid.UUID | None] = []

    def listener(room_id: uuid.UUID | None, about: str) -> None:
        heard.append(room_id)

    bell.listeners.append(listener)
    yield heard
    bell.listeners.remove(listener)


def say(room: Room, text: str) -> RoomMessage:
    return ledger.said(room.pk, Person(room.system, "alice", name="Alice"), text)[0]


def url(view: str, room: Room, *more: Any) -> str:
    return reverse(f"admin:rooms_room_{view}", args=[room.pk, *more])


def html(person: ControlRoom, path: str) -> str:
    response = person.open(path)
    assert response.status_code == 200, response
    return response.content.decode()


def confirmed(person: ControlRoom, path: str) -> Any:
    """Opens the page that asks, finds its button, and presses it."""
    asking = html(person, path)
    assert 'method="post"' in asking
    assert "csrfmiddlewaretoken" in asking
    return person.client.post(path)


def done(room: Room) -> list[str]:
    return [entry.get_change_message() for entry in LogEntry.objects.filter(object_id=str(room.pk)).order_by("pk")]


# The list ------------------------------------------------------------------------------------------------------


def test_the_list_says_who_and_how_much(room: Room, foreign_room: Room) -> None:
    say(room, "One")
    removed = say(room, "Two")
    RoomMessage.objects.filter(pk=removed.pk).update(removed_at=removed.created_at)
    Participant.objects.filter(user_id="bob").update(removed_at=removed.created_at)

    page = html(superuser(), LIST)

    assert url("change", room) in page
    assert url("change", foreign_room) in page
    cells = page.split(url("change", room))[1].split("</tr>")[0]
    shown = [text.strip() for text in re.findall(r">([^<>]+)<", cells) if text.strip()]
    assert shown[:4] == ["Algebra", "drillquiz", "1", "1"]
    assert "open" in shown[-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=alge", True),
        ("q=17", True),
        ("q=alice", True),
        ("q=nothing", False),
        ("q=%00", True),
        ("state=open", True),
        ("state=closed", False),
        ("system=drillquiz", True),
        ("system=cointutor", False),
    ],
)
def test_the_list_is_searched_and_filtered(room: Room, query: str, found: bool) -> None:
    assert (url("change", room) in html(superuser(), f"{LIST}?{query}")) is found


def test_a_room_is_found_by_its_id(room: Room, foreign_room: Room) -> None:
    page = html(superuser(), f"{LIST}?q={room.pk}")

    assert url("change", room) in page
    assert url("change", foreign_room) not in page


def test_the_start_page_leads_to_rooms(drillquiz: System) -> None:
    assert f'href="{LIST}"' in html(operator(drillquiz), "/admin/")


# Whose it is ---------------------------------------------------------------------------------------------------


def test_an_operator_sees_the_rooms_of_their_systems(room: Room, foreign_room: Room, drillquiz: System) -> None:
    page = html(operator(drillquiz), LIST)

    assert url("change", room) in page
    assert url("change", foreign_room) not in page
    assert "Cointutor" not in page


VIEWS = ["change", "history", "close", "reopen", "take_out", "let_in", "remove"]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("view", VIEWS)
def test_an_operator_reaches_no_room_of_another_system(
    drillquiz: System, foreign_room: Room, cointutor: System, view: str, method: str
) -> None:
    ledger.entered(foreign_room.pk, Person(cointutor, "charlie", name="Charlie"))
    said = say(foreign_room, "Confidential")
    more = {"take_out": [Participant.objects.get().pk], "let_in": [Participant.objects.get().pk], "remove": [said.pk]}

    response = getattr(operator(drillquiz).client, method)(url(view, foreign_room, *more.get(view, [])))

    assert response.status_code in (302, 403, 404)
    assert "Confidential" not in response.content.decode()
    foreign_room.refresh_from_db()
    said.refresh_from_db()
    assert (foreign_room.closed_at, said.removed_at, Participant.objects.get().removed_at) == (None, None, None)


@pytest.mark.parametrize("view", ["take_out", "remove"])
def test_an_id_of_another_room_is_not_found_through_ones_own(room: Room, foreign_room: Room, view: str) -> None:
    ledger.entered(foreign_room.pk, Person(foreign_room.system, "charlie"))
    said = say(foreign_room, "Confidential")
    their_id = said.pk if view == "remove" else Participant.objects.get(user_id="charlie").pk

    response = operator(room.system).client.post(url(view, room, their_id))

    assert response.status_code == 404
    assert not RoomMessage.objects.exclude(removed_at=None).exists()
    assert not Participant.objects.exclude(removed_at=None).exists()


def test_other_staff_see_nothing(room: Room) -> None:
    person = ControlRoom(User.objects.create_user("staff", is_staff=True))

    assert person.open(LIST).status_code == 403
    assert person.open(url("change", room)).status_code in (302, 403)
    assert person.open(POLICIES).status_code == 302
    assert person.open(f"{POLICIES}drillquiz/change/").status_code in (302, 403, 404)


def test_strangers_are_asked_to_log_in(room: Room) -> None:
    assert "/admin/login/" in Client().post(url("close", room)).headers["Location"]
    assert Room.objects.get().closed_at is None


def test_a_button_needs_its_csrf_token(room: Room) -> None:
    person = superuser()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person.person)

    assert strict.post(url("close", room)).status_code == 403
    assert Room.objects.get().closed_at is None


def test_rooms_are_neither_made_nor_deleted_here(room: Room) -> None:
    person = superuser()

    assert person.open(f"{LIST}add/").status_code == 403
    assert person.client.post(f"{LIST}{room.pk}/delete/", {"post": "yes"}).status_code == 403
    assert person.client.post(url("change", room), {"name": "Other"}).status_code == 302
    assert Room.objects.get().name == "Algebra"


@pytest.mark.parametrize("room_id", ["nonsense", str(uuid.uuid4()), "1"])
def test_no_room_is_not_found(drillquiz: System, room_id: str) -> None:
    person = superuser()

    assert person.open(f"{LIST}{room_id}/change/").status_code in (302, 404)
    assert person.open(f"{LIST}{room_id}/close/").status_code in (302, 404)


# The page of a room --------------------------------------------------------------------------------------------


def test_the_page_shows_people_and_messages(room: Room) -> None:
    say(room, "Who knows <b>Pythagoras</b>?\nI do.")

    page = html(operator(room.system), url("change", room))

    assert "<code>alice</code>" in page
    assert "<code>bob</code>" in page
    assert "Who knows &lt;b&gt;Pythagoras&lt;/b&gt;?<br>I do." in page


def test_older_messages_are_a_page_away(room: Room) -> None:
    for number in range(60):
        say(room, f"No. {number}.")
    person = superuser()

    newest = html(person, url("change", room))
    before = newest.split("?before=")[1].split("#")[0]
    older = html(person, f"{url('change', room)}?before={before}")

    assert ("No. 59." in newest, "No. 9." in newest) == (True, False)
    assert ("No. 59." in older, "No. 9." in older, "?before=" in older) == (False, True, False)
    assert html(person, f"{url('change', room)}?before=nonsense")


# The buttons ---------------------------------------------------------------------------------------------------


def test_a_room_is_closed_after_a_question_and_reopened(
    room: Room, bells: list[uuid.UUID | None], drillquiz: System
) -> None:
    person, alice = superuser(), Behind(drillquiz, ALICE)

    response = confirmed(person, url("close", room))

    assert told(response) == ["Closed the room."]
    assert bells == [room.pk]
    assert "closed since" in html(person, url("change", room))
    assert alice.post("/chat/v1/message/", message="x", room=str(room.pk)).json()["code"] == "room_closed"

    person.client.post(url("reopen", room))

    assert alice.post("/chat/v1/message/", message="x", room=str(room.pk)).status_code == 201
    assert bells[:2] == [room.pk, room.pk]
    assert done(room) == ["Closed the room", "Reopened the room"]


def test_closing_twice_is_done_once(room: Room, bells: list[uuid.UUID | None]) -> None:
    person = superuser()
    person.client.post(url("close", room))
    closed_at = Room.objects.get().closed_at

    assert told(person.client.post(url("close", room)))[-1] == "That was done before."
    assert Room.objects.get().closed_at == closed_at
    assert done(room) == ["Closed the room"]


@pytest.mark.parametrize("view", ["close", "reopen", "take_out", "let_in", "remove"])
def test_opening_an_address_changes_nothing(room: Room, bells: list[uuid.UUID | None], view: str) -> None:
    said = say(room, "Hello")
    participant = Participant.objects.get(user_id="alice")
    bells.clear()
    more = {"take_out": [participant.pk], "let_in": [participant.pk], "remove": [said.pk]}

    assert superuser().open(url(view, room, *more.get(view, []))).status_code in (200, 302)

    said.refresh_from_db()
    assert (Room.objects.get().closed_at, said.text) == (None, "Hello")
    assert not Participant.objects.exclude(removed_at=None).exists()
    assert bells == []


def test_somebody_is_taken_out_and_let_in_again_as_they_were(
    room: Room, drillquiz: System, bells: list[uuid.UUID | None]
) -> None:
    person, alice = operator(drillquiz), Behind(drillquiz, ALICE)
    Participant.objects.filter(user_id="alice").update(role="owner")
    participant = Participant.objects.get(user_id="alice")

    response = confirmed(person, url("take_out", room, participant.pk))

    assert told(response) == ["Took out alice."]
    assert alice.get(f"/chat/v1/room/{room.pk}/").status_code == 404
    assert "taken out" in html(person, url("change", room))

    person.client.post(url("let_in", room, participant.pk))

    assert alice.get(f"/chat/v1/room/{room.pk}/").status_code == 200
    assert Participant.objects.get(user_id="alice").role == "owner"
    assert bells == [room.pk, room.pk]
    assert done(room) == ["Took out alice", "Let in alice again"]


def test_a_removed_message_leaves_its_number_and_no_word(
    room: Room, drillquiz: System, bells: list[uuid.UUID | None]
) -> None:
    person, alice = operator(drillquiz), Behind(drillquiz, ALICE)
    oops, fine = say(room, "Oops, my password"), say(room, "Fine")
    bells.clear()

    response = confirmed(person, url("remove", room, oops.pk))

    assert told(response) == [f"Removed message {oops.pk}."]
    assert bells == [room.pk]
    oops.refresh_from_db()
    assert (oops.text, bool(oops.removed_at)) == ("", True)
    assert [each["id"] for each in alice.get(f"/chat/v1/room/{room.pk}/").json()["messages"]] == [fine.pk]
    server = Gateway(Behind(drillquiz, {}).headers)
    assert [each["id"] for each in server.get(f"/rooms/{room.pk}/messages").json()] == [fine.pk]
    page = html(person, url("change", room)) + html(person, url("history", room))
    assert "password" not in page
    assert "removed" in page
    assert done(room) == [f"Removed message {oops.pk}"]


def test_a_message_that_was_removed_is_not_said_again_by_its_client_id(room: Room, drillquiz: System) -> None:
    alice = Behind(drillquiz, ALICE)
    said = alice.post("/chat/v1/message/", message="Oops", room=str(room.pk), client_id="a1").json()
    superuser().client.post(url("remove", room, said["id"]))

    again = alice.post("/chat/v1/message/", message="Oops", room=str(room.pk), client_id="a1")

    assert (again.status_code, again.json()["message"]) == (200, "")


# Who is believed -----------------------------------------------------------------------------------------------


def policy_page(system: System) -> str:
    return f"{POLICIES}{system.pk}/change/"


def save(person: ControlRoom, system: System, **changes: str) -> Any:
    fields = {**form_fields(html(person, policy_page(system)), "roompolicy_form"), "_save": "1", **changes}
    return person.client.post(policy_page(system), fields)


def test_a_system_without_a_policy_has_a_page_and_the_defaults(drillquiz: System) -> None:
    person = operator(drillquiz)

    assert policy_page(drillquiz) in html(person, POLICIES)
    assert POLICIES in html(person, LIST)
    assert policy_page(drillquiz) in html(person, page_of(drillquiz))
    assert form_fields(html(person, policy_page(drillquiz)), "roompolicy_form")["user_id_claim"] == "userId"
    assert not RoomPolicy.objects.exists()


def test_what_is_saved_counts_at_once(drillquiz: System) -> None:
    browser = Client()
    assert browser.get("/chat/v1/rooms/", ALICE).status_code == 401

    response = save(operator(drillquiz), drillquiz, trusted_addresses="127.0.0.0/8", user_id_claim="sub")

    assert response.status_code == 302
    assert RoomPolicy.objects.get().user_id_claim == "sub"
    assert browser.get("/chat/v1/rooms/", ALICE).status_code == 200
    save(ControlRoom(User.objects.get()), drillquiz, trusted_addresses="")
    assert browser.get("/chat/v1/rooms/", ALICE).status_code == 401
    assert RoomPolicy.objects.count() == 1
    assert LogEntry.objects.filter(object_id="drillquiz").count() == 2


def test_addresses_are_put_in_order(drillquiz: System) -> None:
    save(operator(drillquiz), drillquiz, trusted_addresses=" 10.20.0.7, 10.20.0.7/32\r\n10.30.1.9/16\n2001:DB8::1 ")

    assert RoomPolicy.objects.get().trusted_addresses.split() == ["10.20.0.7", "10.30.0.0/16", "2001:db8::1"]


@pytest.mark.parametrize(
    "address", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7", "2000::/3", "10.0.0", "gateway", "1/2/3"]
)
def test_addresses_that_are_none_or_everybodys_are_refused(drillquiz: System, address: str) -> None:
    response = save(operator(drillquiz), drillquiz, trusted_addresses=f"10.20.0.7\n{address}")

    assert response.status_code == 200
    assert "too wide" in response.content.decode() or "is no address" in response.content.decode()
    assert not RoomPolicy.objects.exists()


@pytest.mark.parametrize("changes", [{"messages_per_minute": "0"}, {"messages_per_minute": "x"}, {"service_role": ""}])
def test_what_would_lock_out_or_let_in_everybody_is_refused(drillquiz: System, changes: dict[str, str]) -> None:
    assert save(operator(drillquiz), drillquiz, **changes).status_code == 200
    assert not RoomPolicy.objects.exists()


@pytest.mark.parametrize(("address", "warned"), [("127.0.0.1", True), ("::1", True), ("10.20.0.7", False)])
def test_trusting_the_own_machine_comes_with_a_warning(drillquiz: System, address: str, warned: bool) -> None:
    response = save(operator(drillquiz), drillquiz, trusted_addresses=address)

    assert any("X-Forwarded-For" in sentence for sentence in told(response)) is warned


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("view", ["change", "history", "delete"])
def test_an_operator_reaches_no_other_systems_policy(
    drillquiz: System, cointutor: System, view: str, method: str
) -> None:
    RoomPolicy.objects.create(system=cointutor, trusted_addresses="10.99.0.1")
    person = operator(drillquiz)

    response = getattr(person.client, method)(f"{POLICIES}cointutor/{view}/", {"trusted_addresses": "", "post": "yes"})

    assert response.status_code in (302, 403, 404)
    assert "10.99.0.1" not in response.content.decode() + html(person, POLICIES)
    assert RoomPolicy.objects.get().trusted_addresses == "10.99.0.1"
