"""`manage.py sync_dify`: the ledger made equal to Dify."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import gevent
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from chatproxy import turn
from dify.standin import records
from dify.standin.call import Call
from dify.standin.exchange import Response
from dify.standin.server import StandIn, running_standin
from history import recorder
from history.models import ChatUser, Conversation, Message, SyncLock
from history.sync import lock
from tenants.caller import Caller
from tenants.models import System
from tests.conftest import new_system
from tests.gateway import Gateway
from tests.processes import ROOT, environment
from tests.upstream import LONG_AGO, answers, asked_for, before_page, listing, say, seed

ALICE = "drillquiz_alice"


def know(system: System, *users: str) -> None:
    for user in users:
        recorder.note_seen(Caller(system, user))


def sync(*arguments: str) -> dict[str, Any]:
    """The report of a sync that went well."""
    out = StringIO()
    call_command("sync_dify", "--json", *arguments, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def failing_sync(*arguments: str) -> tuple[dict[str, Any], str]:
    """The report of a sync in which something failed, and what it said about that."""
    out = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("sync_dify", "--json", *arguments, stdout=out)
    assert failure.value.returncode == 1
    return json.loads(out.getvalue()), str(failure.value)


@pytest.fixture(params=["0.15.3", "1.13.2"])
def dify(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with running_standin(version=request.param) as standin:
        yield standin


@pytest.fixture
def quiz(drillquiz: System) -> System:
    """DrillQuiz, which Alice has used."""
    know(drillquiz, "alice")
    return drillquiz


def ledger() -> dict[str, list[str]]:
    """conversation id → message ids, of what is not deleted."""
    found: dict[str, list[str]] = {}
    for row in Conversation.objects.filter(deleted_at=None):
        found[row.conversation_id] = sorted(message.message_id or "" for message in row.messages.all())
    return found


def upstream(dify: StandIn) -> dict[str, list[str]]:
    return {row.id: sorted(message.id for message in row.messages) for row in dify.store.conversations.values()}


# Completeness ---------------------------------------------------------------------------------------------------


def test_it_brings_every_page_of_conversations_and_messages(quiz: System, dify: StandIn) -> None:
    seed(dify, ALICE, *[number // 3 for number in range(250)])  # every page ends within a second of three
    [long] = seed(dify, ALICE, 500)
    for number in range(250):
        say(dify, long, f"More {number}", at=500 + number // 3)

    report = sync()

    assert ledger() == upstream(dify)
    assert report["conversations"] == {"seen": 251, "added": 251, "changed": 0, "deleted": 0}
    assert report["messages"] == {"seen": 501, "added": 501, "changed": 0, "deleted": 0}
    assert report["calls"] == len(dify.requests)


def test_a_row_is_as_dify_has_it(quiz: System, dify: StandIn) -> None:
    [conversation] = seed(dify, ALICE, 0, said=0)
    say(dify, conversation, "무엇?", "답 \u2028 \0", at=7).rating = "like"
    sync()

    kept = Message.objects.get()
    assert (kept.system_id, kept.user_id, kept.query, kept.answer) == (
        "drillquiz",
        "alice",
        "무엇?",
        "답 \u2028 \ufffd",
    )
    assert (kept.status, kept.feedback, kept.created_at.timestamp()) == ("answered", "like", LONG_AGO + 7)
    assert kept.conversation
    assert (kept.conversation.name, kept.conversation.updated_at.timestamp()) == ("Name 0", LONG_AGO + 7)


def test_exactly_a_page_that_ends_within_a_second_is_no_end(quiz: System, dify: StandIn) -> None:
    seed(dify, ALICE, *range(98), 98, 98, 98, 98)  # Dify says that nothing follows the first hundred
    sync()
    assert ledger() == upstream(dify)


def test_a_second_that_fills_a_page_is_seen_from_both_ends(quiz: System, dify: StandIn) -> None:
    seed(dify, ALICE, *[5] * 150, 6, 7)
    sync()
    assert ledger() == upstream(dify)


def test_a_crowded_second_is_listed_by_the_time_of_change(quiz: System, dify: StandIn) -> None:
    for number, conversation in enumerate(seed(dify, ALICE, *[5] * 300)):
        say(dify, conversation, "Later", at=10 + number)
    sync()
    assert ledger() == upstream(dify)


def test_what_dify_cannot_list_is_named_and_what_is_known_of_it_stays(quiz: System, dify: StandIn) -> None:
    first = seed(dify, ALICE, *[5] * 190)
    sync()
    seed(dify, ALICE, *[5] * 190)

    report, said = failing_sync()

    assert "drillquiz/alice: More conversations share one second than Dify can list." in said
    assert report["conversations"]["deleted"] == 0
    assert {row.id for row in first} <= set(ledger())


def test_messages_that_share_a_second_with_a_page_are_named(quiz: System, dify: StandIn) -> None:
    [conversation] = seed(dify, ALICE, 5, said=150)
    _, said = failing_sync()
    assert f"Conversation {conversation.id}: More messages share one second than Dify can list." in said
    assert Message.objects.count() == 100


def test_rows_may_be_deleted_while_it_pages(quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    made = seed(dify, ALICE, *range(250))

    def meanwhile() -> None:
        for row in made[60:120]:
            dify.store.delete(row)

    before_page(monkeypatch, 2, meanwhile)
    sync()
    assert ledger() == upstream(dify)


def test_rows_may_move_and_come_while_it_pages(quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    made = seed(dify, ALICE, *range(250))

    def meanwhile() -> None:
        for row in (made[3], made[150], made[249]):
            say(dify, row, "Meanwhile", at=1000)
        seed(dify, ALICE, 1001)

    before_page(monkeypatch, 2, meanwhile)
    sync()
    assert ledger() == upstream(dify)


def test_a_conversation_deleted_before_it_is_read_is_marked(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = seed(dify, ALICE, 1, 2)

    def page(call: Call) -> Response:
        if second.id in dify.store.conversations:
            dify.store.delete(second)
        return records.messages(call)

    answers(monkeypatch, "/v1/messages", page)
    report = sync()
    assert set(ledger()) == {first.id}
    assert report["conversations"]["deleted"] == 1


# Incremental ----------------------------------------------------------------------------------------------------


def test_what_has_not_moved_costs_only_its_line_in_the_list(quiz: System, dify: StandIn) -> None:
    still, moves = seed(dify, ALICE, 1, 2)
    sync()
    assert sync()["calls"] == 1
    say(dify, moves, "More", at=50)
    dify.requests.clear()

    report = sync()

    assert [request.query["conversation_id"] for request in dify.requests if request.path == "/v1/messages"] == [
        moves.id
    ]
    assert report["conversations"] == {"seen": 2, "added": 0, "changed": 1, "deleted": 0}
    assert report["messages"] == {"seen": 2, "added": 1, "changed": 0, "deleted": 0}
    assert ledger() == upstream(dify)
    assert still.id in ledger()


def test_full_reads_all(quiz: System, dify: StandIn) -> None:
    [conversation] = seed(dify, ALICE, 1)
    sync()
    conversation.messages[0].rating = "dislike"  # which moves nothing in the list

    assert sync()["messages"]["changed"] == 0
    assert sync("--full")["messages"] == {"seen": 1, "added": 0, "changed": 1, "deleted": 0}
    assert Message.objects.get().feedback == "dislike"


def test_a_list_seen_by_the_user_is_no_sync(alice: Gateway, dify: StandIn) -> None:
    seed(dify, ALICE, 1)
    alice.get("/v1/conversations")
    know(System.objects.get(), "alice")
    sync()
    assert ledger() == upstream(dify)


def test_what_is_said_in_the_second_of_a_sync_is_not_missed(alice: Gateway, dify: StandIn) -> None:
    conversation_id = alice.say("One").json()["conversation_id"]
    sync()
    assert sync()["calls"] == 1
    dify.store.add_message(dify.store.conversations[conversation_id], "Two", "Answer")
    sync()
    assert ledger() == upstream(dify)


def test_an_answer_that_is_still_written_is_fetched_by_the_next_sync(quiz: System, dify: StandIn) -> None:
    [conversation] = seed(dify, ALICE, 1)
    asked = dify.store.add_message(conversation, "Slow", "")
    sync()
    asked.answer = "Done"  # which moves nothing in the list
    sync()
    assert Message.objects.get(message_id=asked.id).answer == "Done"


# Deletions ------------------------------------------------------------------------------------------------------


def test_a_deletion_upstream_marks_the_row_and_loses_nothing(quiz: System, dify: StandIn) -> None:
    goes, stays = seed(dify, ALICE, 1, 2, said=2)
    sync()
    dify.store.delete(goes)

    report = sync()

    assert set(ledger()) == {stays.id}
    assert report["conversations"]["deleted"] == 1
    assert report["messages"]["deleted"] == 2
    assert Conversation.objects.get(conversation_id=goes.id).deleted_at
    assert Message.objects.count() == 4


def test_what_is_not_listed_and_has_no_word_left_is_deleted(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(dify, ALICE, 1)
    sync()
    answers(monkeypatch, "/v1/conversations", lambda call: listing())
    answers(monkeypatch, "/v1/messages", lambda call: listing())
    assert sync()["conversations"]["deleted"] == 1
    assert ledger() == {}


def test_what_a_user_deletes_while_it_lists_stays_deleted(
    alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, _ = seed(dify, ALICE, 1, 2)
    know(System.objects.get(), "alice")
    sync()

    def page(call: Call) -> Response:
        response = records.conversations(call)
        Conversation.objects.filter(conversation_id=goes.id).update(deleted_at=timezone.now())
        connection.close()
        return response

    answers(monkeypatch, "/v1/conversations", page)
    sync("--full")
    assert goes.id not in ledger()


def test_what_comes_back_is_no_longer_deleted(quiz: System, dify: StandIn) -> None:
    [conversation] = seed(dify, ALICE, 1)
    sync()
    Conversation.objects.update(deleted_at=timezone.now())
    assert sync()["conversations"]["changed"] == 1
    assert ledger() == upstream(dify)
    assert conversation.id in ledger()


def test_an_empty_list_deletes_nothing_that_dify_still_has(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(dify, ALICE, *range(3))
    sync()
    answers(monkeypatch, "/v1/conversations", lambda call: listing())
    assert sync()["conversations"]["deleted"] == 0
    assert ledger() == upstream(dify)


def test_a_user_elsewhere_loses_nothing(quiz: System, cointutor: System, dify: StandIn) -> None:
    know(cointutor, "alice")
    seed(dify, ALICE, 1)
    seed(dify, "cointutor_alice", 2)
    sync()
    sync("--system", "cointutor")
    assert ledger() == upstream(dify)
    assert Conversation.objects.filter(system=cointutor).count() == 1


# Turns of the gateway -------------------------------------------------------------------------------------------


def said_once(gateway: Gateway, query: str = "Hello") -> Message:
    gateway.say(query)
    return Message.objects.latest("id")


def age(entry: Message, **changes: Any) -> None:
    changes.setdefault("created_at", timezone.now() - timedelta(hours=1))
    Message.objects.filter(pk=entry.pk).update(**changes)


def test_an_empty_answer_never_overwrites_a_better_one(alice: Gateway, dify: StandIn) -> None:
    kept = said_once(alice)
    dify.store.messages[kept.message_id or ""].answer = ""
    sync("--full")
    kept.refresh_from_db()
    assert kept.answer
    assert kept.status == "answered"


def test_a_failed_answer_never_overwrites_a_better_one(alice: Gateway, dify: StandIn) -> None:
    kept = said_once(alice)
    upstream_row = dify.store.messages[kept.message_id or ""]
    upstream_row.status, upstream_row.answer = "error", "Half"
    sync("--full")
    before = kept.answer
    kept.refresh_from_db()
    assert (kept.answer, kept.status) == (before, "answered")


def test_an_answer_that_dify_completed_replaces_what_the_gateway_had_given_up(alice: Gateway) -> None:
    kept = said_once(alice)
    whole = kept.answer
    age(kept, answer=whole[:3], status="failed", error_code="upstream_timeout")
    sync("--full")
    kept.refresh_from_db()
    assert (kept.answer, kept.status, kept.error_code) == (whole, "answered", "")


def test_a_row_left_pending_gets_difys_answer(alice: Gateway, dify: StandIn) -> None:
    kept = said_once(alice)
    whole = kept.answer
    sync()
    age(kept, answer=whole[:3], status="pending")

    assert sync()["messages"]["changed"] == 1  # though nothing has moved

    kept.refresh_from_db()
    assert (kept.answer, kept.status) == (whole, "answered")


def test_a_row_left_pending_without_an_answer_is_interrupted(alice: Gateway, dify: StandIn) -> None:
    kept = said_once(alice)
    dify.store.messages[kept.message_id or ""].answer = ""
    age(kept, answer="Par", status="pending")
    sync()
    kept.refresh_from_db()
    assert (kept.answer, kept.status, kept.error_code) == ("Par", "failed", "interrupted")


def test_a_row_that_dify_never_heard_of_is_interrupted(quiz: System) -> None:
    hours_ago = timezone.now() - timedelta(hours=1)
    Message.objects.create(system=quiz, user_id="alice", query="Lost", created_at=hours_ago)
    sync()
    kept = Message.objects.get()
    assert (kept.query, kept.status, kept.error_code) == ("Lost", "failed", "interrupted")


def test_a_row_stays_pending_while_dify_cannot_be_asked(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours_ago = timezone.now() - timedelta(hours=1)
    Message.objects.create(system=quiz, user_id="alice", query="Lost", created_at=hours_ago)
    answers(monkeypatch, "/v1/conversations", lambda call: Response(500, b"<html>"))
    failing_sync()
    assert Message.objects.get().status == "pending"


def test_a_row_without_an_id_is_joined_to_difys_and_not_doubled(alice: Gateway, dify: StandIn) -> None:
    kept = said_once(alice)
    message_id, whole = kept.message_id, kept.answer
    age(kept, message_id=None, conversation=None, answer="", status="pending")
    Conversation.objects.all().delete()

    sync()

    kept = Message.objects.get()
    assert (kept.message_id, kept.answer, kept.status) == (message_id, whole, "answered")
    assert ledger() == upstream(dify)


def test_the_same_question_asked_twice_is_joined_by_its_time(quiz: System, dify: StandIn) -> None:
    [conversation] = seed(dify, ALICE, 0, said=0)
    asked = [say(dify, conversation, "Hi", f"Answer {at}", at=at) for at in (0, 40)]
    for at, task_id in ((40, "a"), (0, "b")):
        moment = recorder.moment(LONG_AGO + at)
        Message.objects.create(system=quiz, user_id="alice", query="Hi", created_at=moment, task_id=task_id)
    sync()
    assert {row.task_id: row.message_id for row in Message.objects.all()} == {"b": asked[0].id, "a": asked[1].id}


@pytest.mark.parametrize("trouble", ["500", "failed"])
def test_a_turn_that_failed_is_not_doubled(alice: Gateway, dify: StandIn, trouble: str) -> None:
    alice.say(f"Hello [[{trouble}]]")
    sync()
    kept = Message.objects.get()
    assert (kept.status, kept.message_id) == ("failed", next(iter(dify.store.messages)))


def test_a_turn_that_runs_is_left_alone(alice: Gateway, dify: StandIn) -> None:
    kept = said_once(alice)
    Message.objects.update(status="pending", answer="So f")
    sync()
    kept.refresh_from_db()
    assert (kept.answer, kept.status) == ("So f", "pending")


def test_a_turn_that_dify_has_not_named_yet_can_still_be_named_after_a_sync(alice: Gateway, dify: StandIn) -> None:
    first = alice.say("One").json()["conversation_id"]
    alice.say("Two [[slow 3.5]]", conversation_id=first, response_mode="streaming").close()

    sync()
    assert Message.objects.count() == 2
    turn.wait_for_running(10)
    sync()

    assert set(Message.objects.values_list("status", flat=True)) == {"answered"}
    assert ledger() == upstream(dify)


# Trouble --------------------------------------------------------------------------------------------------------


def test_one_users_failure_stops_no_other(quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    know(quiz, "bob")
    seed(dify, ALICE, 1)
    [bobs] = seed(dify, "drillquiz_bob", 2)

    def page(call: Call) -> Response:
        return Response(200, b"<html>") if call.request.query["user"] == ALICE else records.conversations(call)

    answers(monkeypatch, "/v1/conversations", page)
    report, said = failing_sync()

    assert report["errors"] == [
        {"system_id": "drillquiz", "user_id": "alice", "reason": "Dify's answer cannot be understood."}
    ]
    assert "drillquiz/alice: Dify's answer cannot be understood." in said
    assert set(ledger()) == {bobs.id}


def test_one_conversations_failure_stops_no_other(quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, whole = seed(dify, ALICE, 1, 2)

    def page(call: Call) -> Response:
        return Response(500, b"Oops") if call.request.query["conversation_id"] == broken.id else records.messages(call)

    answers(monkeypatch, "/v1/messages", page)
    _, said = failing_sync()
    assert f"drillquiz/alice: Conversation {broken.id}: Dify's answer cannot be understood." in said
    assert len(ledger()[whole.id]) == 1

    monkeypatch.undo()
    sync()
    assert ledger() == upstream(dify)


def test_one_systems_failure_stops_no_other(quiz: System, dify: StandIn) -> None:
    for name, url, key in (("away", "http://127.0.0.1:9/v1", "app-x"), ("bare", "", ""), ("wrong", dify.url, "app-x")):
        know(new_system(name, url, key), "alice")
    seed(dify, ALICE, 1)

    report, _ = failing_sync()

    assert ledger() == upstream(dify)
    assert {row["system_id"]: row["reason"] for row in report["errors"]} == {
        "away": "Dify cannot be reached.",
        "bare": "No Dify app is configured for this system. An operator can add one in the admin.",
        "wrong": "Dify refused the request.",
    }


def test_a_dify_that_is_down_is_not_asked_for_every_user(transactional_db: None, dify: StandIn) -> None:
    know(new_system("wrong", dify.url, "app-x"), *[f"user{number}" for number in range(30)])

    report, _ = failing_sync("--per-system=1")

    assert report["calls"] == 5
    assert len(report["errors"]) == 30
    assert report["errors"][-1]["reason"] == "Not visited: Dify failed for 5 users in a row."


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b'{"data": null}', b"[]", b""])
@pytest.mark.parametrize("path", ["/v1/conversations", "/v1/messages"])
def test_an_answer_that_is_none_loses_nothing(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch, path: str, body: bytes
) -> None:
    seed(dify, ALICE, 1, 2)
    sync()
    before = everything()
    answers(monkeypatch, path, lambda call: Response(200, body))

    _, said = failing_sync("--full")

    assert "Dify's answer cannot be understood." in said
    assert everything() == before


def everything() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Conversation, Message)]


@pytest.mark.parametrize("path", ["/v1/conversations", "/v1/messages"])
def test_the_same_page_again_and_again_is_no_loop(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    [conversation] = seed(dify, ALICE, 1)
    row = {"id": conversation.id, "name": "Again", "created_at": LONG_AGO, "updated_at": LONG_AGO}
    answers(monkeypatch, path, lambda call: listing(row, has_more=True))
    report, said = failing_sync()
    assert "Dify's list repeats itself without an end." in said
    assert report["calls"] < 20


def test_rows_that_cannot_be_used_are_named_and_the_others_kept(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, lost = seed(dify, ALICE, 1, 2)
    sync()

    def row(row_id: Any, created_at: Any) -> dict[str, Any]:
        return {"id": row_id, "name": None, "created_at": created_at, "updated_at": created_at}

    page = [
        row(good.id, str(LONG_AGO + 1)),  # as text, which can be read
        row(lost.id, "yesterday"),
        row("", LONG_AGO),
        row(None, LONG_AGO),
        row("x" * 65, LONG_AGO),
        "no object",
    ]
    answers(monkeypatch, "/v1/conversations", lambda call: listing(*page))
    before = everything()

    report, said = failing_sync()

    assert "3 conversations were skipped: they have no id." in said
    assert "A conversation was skipped: its id cannot be used." in said
    assert f"The conversation {lost.id} was skipped: its created_at cannot be read." in said
    assert len(report["errors"]) == 3
    assert everything() == before


@pytest.mark.parametrize("created_at", [None, "soon", 1e30, -5, True, {}, ""])
def test_a_message_with_a_strange_time_is_named(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch, created_at: Any
) -> None:
    seed(dify, ALICE, 1, said=0)
    rows = [
        {"id": "1", "query": "One", "answer": "A", "created_at": created_at},
        {"id": "2", "query": "Two", "answer": None, "created_at": "2026-01-31T12:00:00Z", "feedback": "odd"},
    ]
    answers(monkeypatch, "/v1/messages", lambda call: listing(*rows))
    _, said = failing_sync()
    assert "The message 1 was skipped: its created_at cannot be read." in said
    assert Message.objects.get().query == "Two"


def test_a_conversation_of_somebody_else_is_not_taken_over(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(quiz, "bob")
    [hers] = seed(dify, ALICE, 1)
    sync("--user", "alice")
    row = {"id": hers.id, "name": "Mine now", "created_at": LONG_AGO, "updated_at": LONG_AGO}
    answers(monkeypatch, "/v1/conversations", lambda call: listing(row))
    _, said = failing_sync("--user", "bob")
    assert f"drillquiz/bob: The conversation {hers.id} was skipped: it belongs to another user." in said
    assert (Conversation.objects.get().user_id, Conversation.objects.get().name) == ("alice", "Name 1")


def test_a_message_of_another_conversation_is_named_and_stays_there(
    quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = seed(dify, ALICE, 1, 2)
    row = {"id": "1", "query": "One", "answer": "A", "created_at": LONG_AGO}
    answers(monkeypatch, "/v1/messages", lambda call: listing(row))
    report, said = failing_sync("--workers=1")
    assert report["messages"]["added"] == 1
    assert "The message 1 was skipped: it belongs to another conversation." in said
    kept = Message.objects.get().conversation
    assert kept
    assert kept.conversation_id == first.id


def test_nobodys_words_are_shown_or_logged(
    quiz: System,
    dify: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    [conversation] = seed(dify, ALICE, 1, said=0)
    conversation.name = "hush"
    say(dify, conversation, "hush hush", "hush")
    rows = [{"id": "hush" * 20, "query": "hush", "created_at": "hush"}]
    answers(monkeypatch, "/v1/messages", lambda call: listing(*rows))
    _, said = failing_sync("--verbosity=3")
    printed = capsys.readouterr()
    assert "hush" not in said + caplog.text + printed.out + printed.err


# Locking, killing -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiz")
def test_a_second_sync_says_so() -> None:
    with lock.held():
        with pytest.raises(CommandError, match=r"Another sync is running\.") as failure:
            call_command("sync_dify")
        err = StringIO()
        call_command("sync_dify", "--skip-locked", stderr=err)
    assert failure.value.returncode == 75
    assert "Another sync is running." in err.getvalue()
    sync()


@pytest.mark.usefixtures("quiz")
@pytest.mark.skipif("connection.vendor == 'postgresql'", reason="PostgreSQL has locks of its own")
class TestLockRow:
    def held_by(self, holder: str, seconds_ago: float) -> None:
        SyncLock.objects.create(pk=1, holder=holder, beat_at=timezone.now() - timedelta(seconds=seconds_ago))

    def test_of_a_process_that_is_gone_is_taken_over(self) -> None:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        self.held_by(f"{os.uname().nodename}/{gone.pid}/x", 1)
        sync()

    def test_of_another_machine_holds_as_long_as_it_beats(self) -> None:
        self.held_by("elsewhere/1/x", 30)
        with pytest.raises(CommandError, match="Another sync"):
            call_command("sync_dify")

    def test_of_another_machine_is_taken_over_when_it_falls_silent(self) -> None:
        self.held_by("elsewhere/1/x", 90)
        sync()

    def test_is_kept_alive_while_a_sync_runs(self, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        beats = []
        monkeypatch.setattr(lock, "BEATS_EVERY", 0.05)

        def page(call: Call) -> Response:
            gevent.sleep(0.06)
            beats.append(SyncLock.objects.get().beat_at)
            connection.close()
            return records.messages(call)

        seed(dify, ALICE, *range(5))
        answers(monkeypatch, "/v1/messages", page)
        sync("--workers=1")
        assert len(set(beats)) > 2
        assert not SyncLock.objects.exists()


@pytest.mark.skipif("connection.vendor == 'postgresql'", reason="needs a database that a file is")
def test_a_killed_sync_goes_on_where_it_was(quiz: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(dify, ALICE, *range(40))

    def page(call: Call) -> Response:
        gevent.sleep(0.1)
        return records.messages(call)

    answers(monkeypatch, "/v1/messages", page)
    url = f"sqlite:///{connection.settings_dict['NAME']}"
    command = [sys.executable, str(ROOT / "manage.py"), "sync_dify", "--workers=2"]
    secrets = {name: os.environ[name] for name in ("SECRET_KEY", "ENCRYPTION_KEYS")}
    killed = subprocess.Popen(command, env=environment(DATABASE_URL=url, **secrets), cwd=ROOT)
    deadline = time.monotonic() + 30
    while Message.objects.count() < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = Conversation.objects.exclude(synced_until=None).count()
    assert 5 <= done < 40
    dify.requests.clear()

    sync()

    assert asked_for(dify, "/v1/messages") == 40 - done
    assert ledger() == upstream(dify)


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_the_advisory_lock_ends_with_its_session(transactional_db: None) -> None:
    with lock.held(), pytest.raises(lock.Locked), lock.held():
        pass
    with lock.held():
        pass


# Options --------------------------------------------------------------------------------------------------------


def test_it_asks_many_at_a_time_and_few_of_one_system(
    quiz: System, cointutor: System, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(cointutor, "charlie")
    seed(dify, ALICE, *range(20))
    seed(dify, "cointutor_charlie", *range(20))
    at_once: dict[str, int] = {"drillquiz": 0, "cointutor": 0}
    most = {"drillquiz": 0, "cointutor": 0, "all": 0}

    def page(call: Call) -> Response:
        system = call.request.query["user"].partition("_")[0]
        at_once[system] += 1
        most[system] = max(most[system], at_once[system])
        most["all"] = max(most["all"], sum(at_once.values()))
        gevent.sleep(0.05)
        at_once[system] -= 1
        return records.messages(call)

    answers(monkeypatch, "/v1/messages", page)
    sync("--workers=5", "--per-system=3")

    assert most["drillquiz"] == most["cointutor"] == 3
    assert most["all"] == 5
    assert ledger() == upstream(dify)


def test_a_dry_run_counts_and_writes_nothing(quiz: System, dify: StandIn) -> None:
    stays, goes = seed(dify, ALICE, 1, 2)
    sync()
    say(dify, stays, "More", at=9)
    dify.store.delete(goes)
    seed(dify, ALICE, 3, said=2)
    before = everything()

    dry = sync("--dry-run")
    assert everything() == before
    real = sync()
    assert {**dry, "seconds": 0, "dry_run": False} == {**real, "seconds": 0}
    assert real["messages"] == {"seen": 4, "added": 3, "changed": 0, "deleted": 1}


def test_only_the_system_and_the_user_that_are_named(quiz: System, cointutor: System, dify: StandIn) -> None:
    know(quiz, "bob")
    know(cointutor, "alice")
    for user in (ALICE, "drillquiz_bob", "cointutor_alice"):
        seed(dify, user, 1)

    assert sync("--system", "cointutor")["users"] == 1
    assert set(Conversation.objects.values_list("system_id", "user_id")) == {("cointutor", "alice")}
    assert sync("--user", "alice", "--system", "drillquiz")["users"] == 1
    assert not Conversation.objects.filter(user_id="bob").exists()
    assert sync()["users"] == 3


def test_only_what_moved_since(quiz: System, dify: StandIn) -> None:
    old, new = seed(dify, ALICE, 0, 86_400)
    sync("--since", "2023-11-15T00:00")
    assert (len(ledger()[old.id]), len(ledger()[new.id])) == (0, 1)
    sync("--since", "36500d")
    assert ledger() == upstream(dify)


@pytest.mark.usefixtures("quiz")
@pytest.mark.parametrize(
    "arguments",
    [("--system", "drilquiz"), ("--user", "alicia"), ("--since", "soon"), ("--workers", "0"), ("--per-system", "x")],
)
def test_a_typing_error_is_said(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("sync_dify", *arguments)


def test_a_disabled_system_is_not_visited(quiz: System, dify: StandIn) -> None:
    System.objects.update(enabled=False)
    assert sync()["users"] == 0
    assert not dify.requests


def test_it_says_in_one_line_what_it_did(quiz: System, dify: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    seed(dify, ALICE, 1, 2)
    call_command("sync_dify")
    said = capsys.readouterr()
    assert said.out.startswith(
        "1 users; conversations: 2 seen, 2 added, 0 changed, 0 deleted; messages: 2 seen, 2 added, 0 changed, "
        "0 deleted; 3 calls in "
    )
    assert said.err == ""
    call_command("sync_dify", "--verbosity=0")
    assert capsys.readouterr().out == ""
    call_command("sync_dify", "--verbosity=2")
    assert "drillquiz/alice: done\n" in capsys.readouterr().out


def test_a_person_who_watches_sees_a_bar(
    quiz: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any stream for a terminal
    call_command("sync_dify")
    assert "1/1" in capsys.readouterr().err


def test_users_who_never_wrote_are_visited(bob: Gateway, dify: StandIn) -> None:
    bob.get("/v1/conversations")
    know(System.objects.get(), "bob")
    seed(dify, "drillquiz_bob", 1)
    assert ChatUser.objects.get().user_id == "bob"
    sync()
    assert ledger() == upstream(dify)
