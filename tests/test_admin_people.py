"""Chat users in the admin: found, downloaded and erased, by those who look after their system, and by nobody else."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from dify.standin.server import StandIn
from history.admin import erase as erase_page
from history.models import ChatUser, Conversation, Erasure, Message
from history.sync import lock
from tenants.models import System
from tests.control_room import form_fields, logged, operator, superuser, told
from tests.gateway import Gateway

SECRET = "My secret is pomegranate"
PEOPLE = "/admin/history/chatuser/"
RECEIPTS = "/admin/history/erasure/"
DOWN = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def archive(tmp_path: Path, settings: Any) -> Path:
    backend = {"BACKEND": "history.archive.disk.PrivateFiles", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"archive": backend}
    return tmp_path


def url(view: str, user_id: str = "alice", system: str = "drillquiz") -> str:
    row = ChatUser.objects.get(system_id=system, user_id=user_id)
    return reverse(f"admin:history_chatuser_{view}", args=[row.pk])


def words(response: Any) -> str:
    """The page's text, in one line."""
    return " ".join(response.content.decode().split())


# The list -----------------------------------------------------------------------------------------------------------


def test_the_list_says_who_has_chatted_and_how_much(alice: Gateway, bob: Gateway) -> None:
    alice.say("Hello")
    alice.say("Hello again")
    bob.get("/v1/parameters")
    ChatUser.objects.get_or_create(
        system_id="drillquiz",
        user_id="bob",
        defaults={"first_seen_at": "2026-01-01T00:00Z", "last_seen_at": "2026-01-01T00:00Z"},
    )

    page = superuser().open(PEOPLE)

    rows = {row.user_id: row.conversation_count for row in page.context["cl"].result_list}
    assert rows == {"alice": 2, "bob": 0}
    assert "pomegranate" not in words(page)


def test_people_are_found_by_their_id(alice: Gateway, bob: Gateway) -> None:
    alice.say("Hello")
    bob.say("Hello")
    page = superuser().open(f"{PEOPLE}?q=ali")
    assert [row.user_id for row in page.context["cl"].result_list] == ["alice"]


def test_the_list_takes_as_many_queries_for_many_as_for_few(
    alice: Gateway, drillquiz: System, django_assert_max_num_queries: Any
) -> None:
    alice.say("Hello")
    room = superuser()
    room.open(PEOPLE)
    ChatUser.objects.bulk_create(
        ChatUser(
            system=drillquiz,
            user_id=f"user {number}",
            first_seen_at="2026-01-01T00:00Z",
            last_seen_at="2026-01-01T00:00Z",
        )
        for number in range(50)
    )
    with django_assert_max_num_queries(12):
        assert len(room.open(PEOPLE).context["cl"].result_list) == 51


def test_a_person_can_be_looked_at_and_not_changed(alice: Gateway) -> None:
    alice.say("Hello")
    room = superuser()
    page = words(room.open(url("change")))
    assert "Download everything (JSON)" in page
    assert "Erase this person…" in page
    assert room.client.post(url("change"), {"user_id": "mallory"}).status_code == 403
    assert room.open(f"{PEOPLE}add/").status_code == 403
    assert room.open(url("delete")).status_code == 403
    assert ChatUser.objects.get().user_id == "alice"


def test_the_sidebar_leads_there(drillquiz: System) -> None:
    index = words(operator(drillquiz).open("/admin/"))
    assert f'href="{PEOPLE}"' in index
    assert f'href="{RECEIPTS}"' in index
    assert 'href="/cache"' in index


# Whose ---------------------------------------------------------------------------------------------------------------


def test_operators_see_the_people_and_receipts_of_their_systems_only(
    alice: Gateway, charlie: Gateway, drillquiz: System, cointutor: System
) -> None:
    alice.say("Hello")
    charlie.say("Hello")
    for system, user_id in ((drillquiz, "dora"), (cointutor, "emil")):
        Erasure.objects.create(system=system, user_id=user_id, asked_by="x", begun_at="2026-01-01T00:00Z")
    room = operator(drillquiz)

    assert [row.user_id for row in room.open(PEOPLE).context["cl"].result_list] == ["alice"]
    assert [row.user_id for row in room.open(RECEIPTS).context["cl"].result_list] == ["dora"]


@pytest.mark.parametrize("view", ["change", "export", "erase"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_operator_reaches_nobody_of_another_system(
    charlie: Gateway, drillquiz: System, view: str, method: str
) -> None:
    charlie.say(SECRET)
    address = url(view, "charlie", "cointutor")
    response = getattr(operator(drillquiz).client, method)(address, {"user_id": "charlie"})
    assert response.status_code in (302, 403, 404)
    assert "/erasure/" not in response.get("Location", "")
    assert b"pomegranate" not in response.content
    assert Message.objects.exists()
    assert not Erasure.objects.exists()


def test_an_operator_reaches_no_receipt_of_another_system(drillquiz: System, cointutor: System) -> None:
    receipt = Erasure.objects.create(system=cointutor, user_id="x", asked_by="x", begun_at="2026-01-01T00:00Z")
    room = operator(drillquiz)
    assert room.open(f"{RECEIPTS}{receipt.pk}/change/").status_code == 302
    assert room.open(f"{RECEIPTS}{receipt.pk}/again/").status_code == 404
    assert room.client.post(f"{RECEIPTS}{receipt.pk}/again/", {"user_id": "x"}).status_code == 404


@pytest.mark.parametrize("view", ["export", "erase"])
def test_who_is_no_operator_is_sent_away(alice: Gateway, view: str) -> None:
    alice.say(SECRET)
    assert Client().post(url(view), {"user_id": "alice"}).status_code == 302
    assert operator().client.post(url(view), {"user_id": "alice"}).status_code == 404
    person = User.objects.create_user("person")
    client = Client()
    client.force_login(person)
    assert client.post(url(view), {"user_id": "alice"}).status_code == 302
    assert Message.objects.exists()


@pytest.mark.parametrize("view", ["export", "erase"])
def test_another_site_cannot_press_the_buttons(alice: Gateway, view: str) -> None:
    alice.say("Hello")
    room = superuser()
    client = Client(enforce_csrf_checks=True)
    client.force_login(room.person)
    assert client.post(url(view), {"user_id": "alice"}).status_code == 403
    assert Message.objects.exists()


# Downloading ---------------------------------------------------------------------------------------------------------


def test_an_operator_downloads_everything_of_a_person(alice: Gateway, drillquiz: System) -> None:
    alice.say(SECRET)
    response: Any = operator(drillquiz).client.post(url("export"))

    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert "no-store" in response["Cache-Control"]
    found = json.loads(b"".join(response.streaming_content))
    assert found["conversations"][0]["turns"][0]["question"] == SECRET
    assert logged(drillquiz) == ["Downloaded everything of the user alice"]


def test_a_link_alone_downloads_nothing(alice: Gateway, drillquiz: System) -> None:
    alice.say("Hello")
    assert operator(drillquiz).open(url("export")).url == url("change")
    assert logged(drillquiz) == []


# Erasing -------------------------------------------------------------------------------------------------------------


def test_the_page_says_what_goes_where_before_anything_does(alice: Gateway, drillquiz: System, dify: StandIn) -> None:
    alice.say(SECRET)
    page = operator(drillquiz).open(url("erase"))
    assert "1 turn<" in words(page)
    assert "1 conversation<" in words(page)
    assert "Files that were uploaded stay" in words(page)
    assert "pomegranate" not in words(page)
    assert dify.store.conversations
    assert Message.objects.exists()


def test_an_operator_erases_a_person_and_reads_the_receipt(alice: Gateway, drillquiz: System, dify: StandIn) -> None:
    conversation_id = alice.say(SECRET).json()["conversation_id"]
    room = operator(drillquiz)
    fields = form_fields(room.open(url("erase")).content.decode(), "erase_form")

    response: Any = room.client.post(url("erase"), {**fields, "user_id": "alice"})

    receipt = Erasure.objects.get()
    assert response.url == f"{RECEIPTS}{receipt.pk}/change/"
    assert not dify.store.conversations
    assert not Message.objects.exists()
    assert not ChatUser.objects.exists()
    page = words(room.open(response.url))
    assert "alice of drillquiz, asked for by operator" in page
    assert "Result: done" in page
    assert conversation_id in page
    assert "Run it again" not in page
    assert logged(drillquiz) == [f"Erased the user alice: receipt {receipt.pk}"]


@pytest.mark.parametrize("typed", ["", "Alice", "bob", "alice2", None])
def test_whoever_types_something_else_deletes_nothing(alice: Gateway, drillquiz: System, typed: str | None) -> None:
    alice.say("Hello")
    response: Any = operator(drillquiz).client.post(url("erase"), {} if typed is None else {"user_id": typed})
    assert response.status_code == 200
    assert "That is not the user id" in words(response) or "This field is required" in words(response)
    assert Message.objects.exists()
    assert not Erasure.objects.exists()


def test_what_dify_did_not_delete_is_said_and_can_be_run_again_from_the_receipt(
    alice: Gateway, drillquiz: System, dify: StandIn
) -> None:
    alice.say(SECRET)
    System.objects.update(dify_base_url=DOWN)
    room = operator(drillquiz)
    assert "Dify cannot be reached." in words(room.open(url("erase")))

    response: Any = room.client.post(url("erase"), {"user_id": "alice"})

    assert "not erased everywhere yet" in told(response)[0]
    page = words(room.open(response.url))
    assert "Result: partly" in page
    assert "Run it again" in page
    assert not Message.objects.exists()
    System.objects.update(dify_base_url=dify.url)

    again = f"{RECEIPTS}{Erasure.objects.get().pk}/again/"
    assert "1 conversation<" in words(room.open(again))
    assert "Result: done" in words(room.client.post(again, {"user_id": "alice"}, follow=True))
    assert not dify.store.conversations


def test_while_a_sync_runs_nothing_is_deleted(
    alice: Gateway, drillquiz: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.say("Hello")
    monkeypatch.setattr(erase_page, "WAITS_FOR_A_SYNC", 0.1)
    with lock.held():
        response: Any = operator(drillquiz).client.post(url("erase"), {"user_id": "alice"})
    assert response.url == url("change")
    assert told(response) == ["Nothing was deleted, because a sync is running. Try again in a few minutes."]
    assert Conversation.objects.exists()


def test_ids_that_look_like_markup_are_shown_as_they_are(drillquiz: System) -> None:
    from tests.conftest import caller_by_key

    name = "<b>x</b>&\"'"
    caller_by_key(drillquiz, name).say("Hello")
    room = operator(drillquiz)
    pages = [room.open(PEOPLE), room.open(url("change", name)), room.open(url("erase", name))]
    pages.append(room.client.post(url("erase", name), {"user_id": name}, follow=True))
    assert not any("<b>x</b>" in words(page) for page in pages)
    assert not Message.objects.exists()


def test_receipts_are_for_reading(drillquiz: System) -> None:
    Erasure.objects.create(system=drillquiz, user_id="alice", asked_by="somebody", begun_at="2026-01-01T00:00Z")
    receipt = Erasure.objects.get()
    room = superuser()
    assert "interrupted" in words(room.open(RECEIPTS))
    assert "If it is not running, run it again." in words(room.open(f"{RECEIPTS}{receipt.pk}/change/"))
    assert room.open(f"{RECEIPTS}add/").status_code == 403
    assert room.open(f"{RECEIPTS}{receipt.pk}/delete/").status_code == 403
    assert room.client.post(f"{RECEIPTS}{receipt.pk}/change/", {"user_id": "x"}).status_code == 403
