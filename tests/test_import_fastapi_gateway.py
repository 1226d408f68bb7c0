"""`manage.py import_fastapi_gateway`: the old gateway's database, moved over."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from dify.standin.server import StandIn
from history.management.commands import import_fastapi_gateway
from history.models import ChatUser, Conversation, Erasure, Message
from history.moving import source, turns
from tenants.caller import Caller
from tenants.models import System
from tests.conftest import caller_by_key
from tests.old_gateway import NOON, SCHEMA, OldGateway, OnSQLite, on_postgresql
from tests.processes import ROOT, environment

AT_NOON = datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ON_POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.postgres)


@pytest.fixture(params=["sqlite", ON_POSTGRESQL])
def old(request: pytest.FixtureRequest, transactional_db: None, tmp_path: Path) -> Any:
    if request.param == "sqlite":
        gateway = OnSQLite(tmp_path / "old.db")
        gateway.make(SCHEMA)
        yield gateway
        return
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    with on_postgresql() as postgres:
        postgres.make(SCHEMA)
        yield postgres


@pytest.fixture
def lite(transactional_db: None, tmp_path: Path) -> OnSQLite:
    """With columns of any kind: only SQLite can have nonsense in them."""
    gateway = OnSQLite(tmp_path / "old.db")
    gateway.make(SCHEMA)
    return gateway


def moved(old: OldGateway, *arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("import_fastapi_gateway", old.url, "--json", *arguments, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def told(old: OldGateway, *arguments: str) -> str:
    out = StringIO()
    call_command("import_fastapi_gateway", old.url, *arguments, stdout=out)
    return out.getvalue()


def reasons(report: dict[str, Any]) -> dict[str, tuple[int, list[str]]]:
    return {f"{each['what']}: {each['why']}": (each["count"], each["examples"]) for each in report["reasons"]}


def everything() -> list[Any]:
    models = (System, ChatUser, Conversation, Message)
    return [list(model.objects.order_by("pk").values()) for model in models]


# What moves in --------------------------------------------------------------------------------------------------


def test_two_rows_become_one_turn(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1", name="Verbs")
    old.half("c-1", "m-1_assistant", "assistant", "답 \u2028", created_at="2024-05-01 12:00:09")
    old.half("c-1", "m-1_user", "user", "무엇?")
    report = moved(old)

    [row] = Message.objects.all()
    assert (row.system_id, row.user_id, row.message_id) == ("drillquiz", "alice", "m-1")
    assert (row.query, row.answer, row.status, row.error_code) == ("무엇?", "답 \u2028", "answered", "")
    assert row.created_at == AT_NOON
    assert row.conversation
    assert (row.conversation.conversation_id, row.conversation.name) == ("c-1", "Verbs")
    assert report["turns"] == {"seen": 1, "new": 1, "completed": 0, "skipped": 0}
    assert report["reasons"] == []


def test_a_system_comes_with_its_dify_and_its_origins(old: OldGateway) -> None:
    old.system(
        dify_base_url="https://dify.example.com",
        dify_api_key="app-old",
        allowed_origins='["https://Quiz.example.com/", "http://localhost:3000"]',
    )
    old.system("cointutor", display_name=None, enabled=False, allowed_origins="https://a.example, https://b.example")
    moved(old)
    quiz, coin = System.objects.get(pk="drillquiz"), System.objects.get(pk="cointutor")
    assert (quiz.name, quiz.enabled, quiz.dify_credentials) == (
        "DrillQuiz",
        True,
        ("https://dify.example.com/v1", "app-old"),
    )
    assert quiz.origins == ["https://quiz.example.com", "http://localhost:3000"]
    assert (coin.name, coin.enabled) == ("Cointutor", False)
    assert coin.origins == ["https://a.example", "https://b.example"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT dify_api_key FROM tenants_system")
        assert "app-old" not in str(cursor.fetchall())


def test_users_come_from_every_table(old: OldGateway) -> None:
    old.system()
    old.add("sync_users", system_id="drillquiz", user_id="alice", dify_user="drillquiz_alice", updated_at=NOON)
    old.conversation("c-1", user_id="bob")
    old.add("conversation_mappings", system_id="drillquiz", user_id="eve", conversation_id="c-2", created_at=NOON)
    assert moved(old)["users"]["new"] == 3
    assert sorted(ChatUser.objects.values_list("user_id", flat=True)) == ["alice", "bob", "eve"]
    assert ChatUser.objects.get(user_id="alice").last_seen_at == AT_NOON
    assert sorted(Conversation.objects.values_list("user_id", "conversation_id")) == [("bob", "c-1"), ("eve", "c-2")]


def test_a_conversation_moved_when_its_last_word_was_said_and_waits_for_a_sync(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1")
    old.turn("c-1", "m-1")
    old.turn("c-1", "m-2", created_at="2024-06-01 00:00:00")
    moved(old)
    row = Conversation.objects.get()
    assert (row.created_at, row.updated_at) == (AT_NOON, datetime(2024, 6, 1, tzinfo=UTC))
    assert (row.synced_at, row.synced_until, row.deleted_at) == (None, None, None)


def test_the_user_sees_it_through_the_api_while_dify_is_down(old: OldGateway, dify: StandIn) -> None:
    """As the cache serves it."""
    old.system(dify_base_url="http://127.0.0.1:9", dify_api_key="app-old")
    conversation_id = "b7f5e2a0-0000-4000-8000-000000000001"
    old.conversation(conversation_id, name="Verbs")
    old.turn(conversation_id, "b7f5e2a0-0000-4000-8000-000000000002", "What is a verb?", "A word that does.")
    moved(old)
    alice = caller_by_key(System.objects.get(), "alice")
    [listed] = alice.get("/v1/conversations").json()
    assert (listed["id"], listed["name"]) == (conversation_id, "Verbs")
    both = alice.get(f"/v1/conversations/{conversation_id}/messages").json()
    assert [row["content"] for row in both] == ["What is a verb?", "A word that does."]


@pytest.mark.parametrize("batch", ["1", "2", "3", "10000"])
def test_the_size_of_batches_changes_nothing(old: OldGateway, batch: str) -> None:
    old.system()
    for number in range(4):
        old.conversation(f"c-{number}", user_id=f"user-{number % 2}")
        for turn in range(3):
            old.turn(f"c-{number}", f"m-{number}{turn}", query=f"{number}{turn}?", answer=f"{number}{turn}!")
    report = moved(old, "--batch", batch)
    assert report["turns"]["new"] == 12
    assert report["conversations"]["new"] == 4
    for row in Message.objects.all():
        assert row.message_id == f"m-{row.query[:2]}"
        assert row.answer == f"{row.query[:2]}!"


def test_halves_that_others_sort_between_are_joined_all_the_same(old: OldGateway) -> None:
    """`m_assistant`, `m_b_assistant`, `m_b_user`, `m_user`: an id may have underscores."""
    old.system()
    old.conversation("c-1")
    old.turn("c-1", "m", "One?", "One.")
    old.turn("c-1", "m_b", "Two?", "Two.")
    moved(old, "--batch", "1")
    found = Message.objects.order_by("message_id").values_list("message_id", "query", "answer", "status")
    assert list(found) == [("m", "One?", "One.", "answered"), ("m_b", "Two?", "Two.", "answered")]


# Twice, and beside what is here -----------------------------------------------------------------------------------


def test_a_second_run_changes_nothing_and_says_so(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1")
    old.turn("c-1", "m-1")
    old.turn("c-1", "m-2", answer="")
    moved(old)
    before = everything()
    report = moved(old)
    assert everything() == before
    for kind in ("systems", "users", "conversations", "turns"):
        assert (report[kind]["new"], report[kind]["completed"]) == (0, 0)


def test_a_later_run_brings_what_has_come_since(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1")
    old.half("c-1", "m-1_user", "user", "Why?")
    moved(old)
    Message.objects.update(archived_at=timezone.now())
    old.half("c-1", "m-1_assistant", "assistant", "So.")
    old.turn("c-1", "m-2")
    report = moved(old)
    assert (report["turns"]["new"], report["turns"]["completed"]) == (1, 1)
    row = Message.objects.get(message_id="m-1")
    assert (row.answer, row.status, row.error_code, row.archived_at) == ("So.", "answered", "", None)


def test_what_is_here_is_only_completed(old: OldGateway, cointutor: System) -> None:
    here = Conversation.objects.create(
        system=cointutor, user_id="alice", conversation_id="c-1", name="Ours", created_at=AT_NOON, updated_at=AT_NOON
    )
    row = {"system": cointutor, "user_id": "alice", "conversation": here, "created_at": AT_NOON}
    Message.objects.create(**row, message_id="m-1", query="Q", answer="Better", status="stopped", feedback="like")
    Message.objects.create(**row, message_id="m-2", query="Q", answer="", status="failed", error_code="interrupted")
    Message.objects.create(**row, message_id="m-3", query="Q", answer="Kept", status="answered")
    cointutor.name = "Ours, too"
    cointutor.save()
    old.system("cointutor", dify_base_url="https://other.example.com", dify_api_key="app-other", enabled=False)
    old.conversation("c-1", "cointutor", name="Theirs")
    for turn_id in ("m-1", "m-2"):
        old.turn("c-1", turn_id, "Theirs?", "Theirs.")
    old.turn("c-1", "m-3", "Theirs?", "")

    report = moved(old)

    ours = System.objects.get(pk="cointutor")
    assert (ours.name, ours.enabled, ours.dify_base_url) == ("Ours, too", True, cointutor.dify_base_url)
    assert "cointutor exists here and stays as it is." in report["notes"]
    assert Conversation.objects.get().name == "Ours"
    answers = Message.objects.order_by("message_id").values_list("query", "answer", "status", "feedback")
    assert list(answers) == [
        ("Q", "Better", "stopped", "like"),
        ("Q", "Theirs.", "answered", ""),
        ("Q", "Kept", "answered", ""),
    ]


def test_a_turn_that_runs_here_is_left_alone(old: OldGateway, cointutor: System) -> None:
    here = Conversation.objects.create(
        system=cointutor, user_id="alice", conversation_id="c-1", created_at=AT_NOON, updated_at=AT_NOON
    )
    row = {"system": cointutor, "user_id": "alice", "conversation": here, "created_at": AT_NOON}
    Message.objects.create(**row, message_id="m-1", query="Q", answer="", status="pending")
    old.conversation("c-1", "cointutor")
    old.turn("c-1", "m-1")
    moved(old)
    assert Message.objects.values_list("answer", "status").get() == ("", "pending")


def test_a_dry_run_counts_the_same_and_writes_nothing(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1")
    old.add("conversation_mappings", system_id="drillquiz", user_id="alice", conversation_id="c-1", created_at=NOON)
    old.turn("c-1", "m-1")
    old.half("c-9", "m-9_user", "user", "Why?")
    dry = moved(old, "--dry-run")
    assert everything() == [[], [], [], []]
    assert dry["dry_run"] is True
    wet = moved(old)
    assert {kind: dry[kind] for kind in ("systems", "users", "conversations", "turns")} == {
        kind: wet[kind] for kind in ("systems", "users", "conversations", "turns")
    }
    assert dry["reasons"] == wet["reasons"]


def test_what_was_erased_here_does_not_come_back(old: OldGateway, cointutor: System) -> None:
    Erasure.objects.create(system=cointutor, user_id="alice", asked_by="root", begun_at=timezone.now())
    old.conversation("c-1", "cointutor", "alice")
    old.turn("c-1", "m-1")
    old.conversation("c-2", "cointutor", "bob")
    old.turn("c-2", "m-2")
    report = moved(old)
    assert list(Conversation.objects.values_list("user_id", flat=True)) == ["bob"]
    assert list(Message.objects.values_list("message_id", flat=True)) == ["m-2"]
    assert reasons(report)["conversations: older than its system keeps, or erased here"] == (1, ["c-1"])


def test_what_is_older_than_its_system_keeps_stays_there(old: OldGateway, cointutor: System) -> None:
    System.objects.update(retention_days=30)
    now = timezone.now().isoformat(" ")
    old.conversation("c-1", "cointutor")
    old.turn("c-1", "m-1")
    old.turn("c-1", "m-2", created_at=now)
    old.conversation("c-2", "cointutor")
    moved(old)
    assert list(Conversation.objects.values_list("conversation_id", flat=True)) == ["c-1"]
    assert list(Message.objects.values_list("message_id", flat=True)) == ["m-2"]


# What cannot move in ----------------------------------------------------------------------------------------------


def test_a_turn_may_lack_a_half(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1")
    old.half("c-1", "m-1_user", "user", "Why?")
    old.half("c-1", "m-2_assistant", "assistant", "So.")
    report = moved(old)
    found = Message.objects.order_by("message_id").values_list("query", "answer", "status", "error_code")
    assert list(found) == [("Why?", "", "failed", "interrupted"), ("", "So.", "answered", "")]
    assert reasons(report) == {
        "turns taken: without the answer, which the old gateway does not have": (1, ["m-1"]),
        "turns taken: without the question, which the old gateway does not have": (1, ["m-2"]),
    }


def test_rows_that_cannot_be_used_are_named_and_stop_nothing(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1")
    old.turn("c-1", "m-1")
    old.turn("c-1", "m-1", "Again?", "Again.")
    old.half("c-1", "m-2_system", "system", "You are helpful.")
    old.half("c-1", "m-3", "user", "No suffix?")
    old.half("c-1", "m-4_user", "assistant", "Which?")
    old.half("c-1", "_user", "user", "No id?")
    old.half("c-1", f"{'x' * 65}_user", "user", "Long id?")
    old.turn("c-unknown", "m-5")
    old.turn("c-1", "m-6", created_at=None, synced_at=None)
    old.half("c-1", "m-7_user", "user", None)
    report = moved(old)

    found = Message.objects.order_by("message_id").values_list("message_id", flat=True)
    assert list(found) == ["m-1", "m-7"]
    assert Message.objects.get(message_id="m-1").query == "Why?"
    assert reasons(report) == {
        "messages: it is there twice": (2, ["m-1_assistant", "m-1_user"]),
        "messages: its role is neither user nor assistant": (1, ["m-2_system"]),
        "messages: its id does not end in _user": (1, ["m-3"]),
        "messages: its id does not end in _assistant": (1, ["m-4_user"]),
        "messages: its id cannot be used": (2, ["_user", f"{'x' * 65}_user"]),
        "turns: its conversation is not there": (1, ["m-5"]),
        "turns: it has no time that can be read": (1, ["m-6"]),
        "turns taken: without the question, which the old gateway does not have": (1, ["m-7"]),
        "turns taken: without the answer, which the old gateway does not have": (1, ["m-7"]),
    }


def test_somebody_elses_conversation_gets_nothing(old: OldGateway, cointutor: System) -> None:
    Conversation.objects.create(
        system=cointutor, user_id="charlie", conversation_id="c-1", created_at=AT_NOON, updated_at=AT_NOON
    )
    old.conversation("c-1", "cointutor", "alice")
    old.turn("c-1", "m-1")
    report = moved(old)
    assert not Message.objects.exists()
    assert reasons(report)["conversations: it belongs to another user here"] == (1, ["c-1"])
    assert reasons(report)["turns: it belongs to another user here"] == (1, ["m-1"])


def test_a_turn_that_is_in_two_conversations_comes_once(old: OldGateway) -> None:
    old.system()
    for conversation_id in ("c-1", "c-2"):
        old.conversation(conversation_id)
        old.turn(conversation_id, "m-1")
    report = moved(old)
    assert Message.objects.count() == 1
    assert reasons(report)["turns: two conversations have it"] == (1, ["m-1"])
    assert "turns: two conversations have it" in reasons(moved(old))


def test_two_systems_never_become_one(old: OldGateway) -> None:
    old.system("coin_tutor")
    old.system("coin-tutor")
    old.conversation("c-1", "coin_tutor")
    old.conversation("c-2", "coin-tutor")
    report = moved(old)
    assert list(Conversation.objects.values_list("conversation_id", flat=True)) == ["c-2"]
    assert (
        "“coin_tutor” cannot be a system id here: coin-tutor is another system. Nothing of it is taken."
        in (report["notes"])
    )
    assert reasons(report)["conversations: its system is not here"] == (1, ["c-1"])


def test_a_system_that_gets_another_name_is_said_with_what_that_means(old: OldGateway) -> None:
    old.system("Coin_Tutor")
    old.conversation("c-1", "Coin_Tutor")
    old.turn("c-1", "m-1")
    report = moved(old)
    assert Message.objects.get().system_id == "coin-tutor"
    assert "“Coin_Tutor” is called coin-tutor here. Its clients must send that." in report["notes"]
    assert not any("Dify knows" in note for note in report["notes"])
    assert Caller(System.objects.get(), "alice").dify_user == "Coin_Tutor_alice"


def test_a_system_that_was_made_here_before_is_said_to_need_its_old_name(old: OldGateway) -> None:
    System.objects.create(system_id="coin-tutor", name="CoinTutor")
    old.system("coin_tutor")
    assert any("Dify knows its users as coin_tutor_…" in note for note in moved(old)["notes"])


def test_a_system_that_is_in_no_table_must_be_here(old: OldGateway, cointutor: System) -> None:
    old.conversation("c-1", "cointutor")
    old.conversation("c-2", "school")
    report = moved(old)
    assert list(Conversation.objects.values_list("conversation_id", flat=True)) == ["c-1"]
    assert "“school” is not here. Create it or run import_env, then run this again for the rest." in report["notes"]


def test_users_whom_dify_knows_by_another_name_are_named(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1", dify_user="someone-else")
    old.conversation("c-2", user_id="bob")
    report = moved(old)
    why = "users taken: Dify knows them by another name, so their conversations cannot go on"
    assert reasons(report) == {why: (1, ["drillquiz/alice"])}


def test_a_user_id_that_cannot_be_used_is_named(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1", user_id="line\nbreak")
    old.conversation("c-2", user_id=" ")
    old.conversation("c-3", user_id="x" * 257)
    report = moved(old)
    assert not Conversation.objects.exists()
    assert reasons(report)["users: its user id cannot be used"][0] == 3
    assert "drillquiz/line\ufffdbreak" in reasons(report)["users: its user id cannot be used"][1]


def test_bad_settings_of_a_system_are_named_without_its_key(old: OldGateway) -> None:
    old.system(dify_base_url="dify.example.com", dify_api_key="app-hidden", allowed_origins="*,quiz.example.com")
    said = told(old)
    system = System.objects.get()
    assert (system.dify_base_url, system.dify_api_key.reveal(), system.origins) == ("", "", [])
    assert "drillquiz: its Dify address is no http(s) address. Set address and key in the admin." in said
    assert "drillquiz: “*” is left out of its allowed origins." in said
    assert "drillquiz: “quiz.example.com” is left out" in said
    assert "hidden" not in said


def test_no_more_than_a_few_ids_are_shown_and_never_what_was_said(old: OldGateway) -> None:
    old.system()
    for number in range(9):
        old.turn("c-unknown", f"m-{number}", "a private question", "a private answer")
    said = told(old)
    assert "9 turns: its conversation is not there (m-0, m-1, m-2, m-3, m-4, …)" in said
    assert "private" not in said


# Odd databases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-05-01T12:00:00", "2024-05-01T12:00:00+00:00"),
        ("2024-05-01 21:00:00+09:00", "2024-05-01T12:00:00+00:00"),
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00+00:00"),
        (1714564800, "2024-05-01T12:00:00+00:00"),
        (1714564800.5, "2024-05-01T12:00:00+00:00"),
        ("1714564800", "2024-05-01T12:00:00+00:00"),
        ("yesterday", "2024-05-02T00:00:00+00:00"),
        ("9999-12-31 23:59:59-12:00", "2024-05-02T00:00:00+00:00"),
        (-1, "2024-05-02T00:00:00+00:00"),
        (b"\xff\xfe", "2024-05-02T00:00:00+00:00"),
    ],
)
def test_times_as_sqlite_may_have_them(lite: OnSQLite, written: Any, meant: str) -> None:
    """What cannot be read gives way to when the row was written."""
    lite.system()
    lite.conversation("c-1")
    lite.turn("c-1", "m-1", created_at=written)
    moved(lite)
    assert Message.objects.get().created_at.isoformat() == meant


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_a_time_that_python_does_not_know_stops_nothing(transactional_db: None) -> None:
    with on_postgresql() as old:
        old.make(SCHEMA)
        old.system()
        old.conversation("c-1", created_at="infinity")
        old.turn("c-1", "m-1", created_at="0044-03-15 12:00:00 BC")
        moved(old)
    assert Message.objects.get().created_at == datetime(2024, 5, 2, tzinfo=UTC)


def test_a_conversation_without_a_time_begins_with_its_first_word(old: OldGateway) -> None:
    old.system()
    old.conversation("c-1", created_at=None, synced_at=None)
    old.turn("c-1", "m-1")
    old.turn("c-1", "m-2", created_at="2024-06-01 00:00:00")
    old.conversation("c-2", created_at=None, synced_at=None)
    report = moved(old)
    row = Conversation.objects.get()
    assert (row.created_at, row.updated_at) == (AT_NOON, datetime(2024, 6, 1, tzinfo=UTC))
    assert reasons(report)["conversations: it has no time that can be read"] == (1, ["c-2"])


def test_text_that_is_none_is_made_one(lite: OnSQLite) -> None:
    lite.system()
    lite.conversation("c-1", name=b"\xff name")
    lite.half("c-1", "m-1_user", "USER ", b"caf\xe9 \0")
    lite.half("c-1", "m-1_assistant", "Assistant", 42)
    moved(lite)
    row = Message.objects.get()
    assert (row.query, row.answer) == ("caf\ufffd \ufffd", "42")


def test_tables_and_columns_may_be_missing(lite: OnSQLite, cointutor: System) -> None:
    for table in ("chat_systems", "sync_users", "conversation_mappings"):
        lite.execute(f"DROP TABLE {table}")
    for table, column in (
        ("conversation_cache", "name"),
        ("conversation_cache", "synced_at"),
        ("conversation_cache", "dify_user"),
        ("message_cache", "synced_at"),
    ):
        lite.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    row = {"conversation_id": "c-1", "created_at": NOON}
    lite.add("conversation_cache", system_id="cointutor", user_id="alice", **row)
    lite.add("message_cache", message_id="m-1_user", role="user", content="Why?", **row)
    report = moved(lite)
    assert Message.objects.get().query == "Why?"
    assert "The table sync_users is missing, so nothing of it is taken." in report["notes"]


def test_a_table_without_what_it_is_for_is_named(lite: OnSQLite) -> None:
    lite.execute("ALTER TABLE message_cache DROP COLUMN content")
    lite.system()
    assert "The table message_cache has no column content, so nothing of it is taken." in moved(lite)["notes"]


def test_an_empty_database_is_well(old: OldGateway) -> None:
    assert moved(old)["turns"] == {"seen": 0, "new": 0, "completed": 0, "skipped": 0}


# Reading only -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_the_old_database_is_not_touched(lite: OnSQLite, journal: str) -> None:
    lite.execute(f"PRAGMA journal_mode={journal}")
    lite.system()
    lite.conversation("c-1")
    lite.turn("c-1", "m-1")
    before = traces(lite.path)
    moved(lite)
    assert traces(lite.path) == before
    assert Message.objects.count() == 1


def traces(path: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in path.parent.glob("old.db*")}


def test_what_an_old_gateway_that_still_runs_has_not_moved_to_its_file_is_read_too(lite: OnSQLite) -> None:
    lite.execute("PRAGMA journal_mode=WAL")
    running = sqlite3.connect(lite.path)
    running.execute("INSERT INTO chat_systems (system_id) VALUES ('drillquiz')")
    running.commit()
    assert moved(lite)["systems"]["new"] == 1
    running.close()


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_nothing_can_be_written_to_the_old_postgresql(transactional_db: None) -> None:
    with on_postgresql() as old:
        old.make(SCHEMA)
        opened = source.opened(old.url)
        with pytest.raises(source.Unreadable, match="ReadOnlySqlTransaction"):
            list(opened.rows("DELETE FROM sync_users WHERE user_id IN () RETURNING user_id", ["alice"]))
        opened.close()


# What goes wrong --------------------------------------------------------------------------------------------------


def failure(url: str) -> str:
    with pytest.raises(CommandError) as failed:
        call_command("import_fastapi_gateway", url)
    assert failed.value.returncode == 1
    return str(failed.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("old.db", "Write the address like sqlite:////path/to/old.db or postgresql://user:password@host:5432/name."),
        ("", "Write the address like sqlite:////"),
        ("mysql://root:hunter2@localhost/old", "Write the address like sqlite:////"),
        ("sqlite:////does/not/exist.db", "There is no such SQLite file."),
        ("sqlite://", "There is no such SQLite file."),
        ("postgresql+asyncpg://old:hunter2@127.0.0.1:9/old", "PostgreSQL cannot be reached at that address."),
        ("postgresql://old:hunter2@127.0.0.1:9/old?ssl=maybe", "The address cannot be read."),
        ("postgres://old:hunter2@[::1/old", "The address cannot be read."),
        ("postgres://old:hunter2@localhost:port/old", "The address cannot be read."),
        ("postgres://old:hun%ter2@localhost/old", "The address cannot be read."),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence(transactional_db: None, url: str, said: str) -> None:
    message = failure(url)
    assert message.startswith(said)
    assert "hunter2" not in message
    assert "hun%ter2" not in message
    assert "\n" not in message


def test_a_file_that_is_no_database_is_one_sentence(transactional_db: None, tmp_path: Path) -> None:
    (tmp_path / "old.db").write_text("no database at all, but long enough to look like one" * 100)
    assert failure(f"sqlite:///{tmp_path / 'old.db'}") == "The file is not an SQLite database, or cannot be read."


def test_a_database_of_something_else_is_one_sentence(lite: OnSQLite) -> None:
    for table in SCHEMA:
        lite.execute(f"DROP TABLE {table}")
    assert failure(lite.url).startswith("This is not the old gateway's database: it has no table chat_systems, ")


def test_a_database_that_breaks_on_the_way_keeps_what_was_taken(lite: OnSQLite) -> None:
    lite.system()
    lite.conversation("c-1")
    for number in range(200):
        lite.turn("c-1", f"m-{number:03}", answer="x" * 2000)
    pages = lite.path.read_bytes()
    lite.path.write_bytes(pages[: len(pages) // 2] + b"\xff" * (len(pages) // 2))
    assert "The old database cannot be read to its end" in failure(lite.url)


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1e3", "10001"])
def test_a_batch_that_is_none_is_an_error(value: str) -> None:
    with pytest.raises(CommandError):
        call_command("import_fastapi_gateway", "sqlite:////old.db", f"--batch={value}")


def test_a_run_that_is_killed_is_finished_by_the_next(lite: OnSQLite) -> None:
    lite.system()
    lite.conversation("c-1")
    with sqlite3.connect(lite.path) as database:
        query = (
            "INSERT INTO message_cache (conversation_id, message_id, role, content, created_at) VALUES (?, ?, ?, ?, ?)"
        )
        for role in ("user", "assistant"):
            rows = [("c-1", f"m-{number:05}_{role}", role, role, NOON) for number in range(8000)]
            database.executemany(query, rows)
    database.close()
    command = [sys.executable, str(ROOT / "manage.py"), "import_fastapi_gateway", lite.url, "--batch=20"]
    killed = subprocess.Popen(command, env=environment(DATABASE_URL=own_url(), **own_secrets()), cwd=ROOT)
    deadline = time.monotonic() + 60
    while Message.objects.count() < 100 and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = Message.objects.count()
    assert 100 <= before < 8000

    assert moved(lite)["turns"]["new"] == 8000 - before
    assert Message.objects.filter(query="user", answer="assistant").count() == 8000


def own_url() -> str:
    own = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{own['NAME']}"
    return f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}/{own['NAME']}"


def own_secrets() -> dict[str, str]:
    return {name: os.environ[name] for name in ("SECRET_KEY", "ENCRYPTION_KEYS")}


def test_memory_does_not_grow_with_the_messages(lite: OnSQLite) -> None:
    """No more than a batch is held at a time: what is held is counted, not the process's memory."""
    lite.system()
    lite.conversation("c-1")
    for number in range(300):
        lite.turn("c-1", f"m-{number:03}")
    sizes = [len(batch) for batch in turns.batches(read(lite), 50)]
    assert sum(sizes) == 600
    assert max(sizes) <= 51


def read(lite: OnSQLite) -> Any:
    opened = source.opened(lite.url)
    yield from opened.stream("SELECT message_id FROM message_cache ORDER BY message_id")
    opened.close()


def test_queries_do_not_grow_with_the_turns_of_a_batch(lite: OnSQLite, django_assert_max_num_queries: Any) -> None:
    lite.system()
    for number in range(200):
        lite.conversation(f"c-{number}", user_id=f"user-{number}")
        lite.turn(f"c-{number}", f"m-{number:03}")
    with django_assert_max_num_queries(60):
        moved(lite)


# What it says -----------------------------------------------------------------------------------------------------


def test_the_example_in_the_docs_is_true(old: OldGateway) -> None:
    for system_id in ("drillquiz", "coin_tutor"):
        old.system(system_id, dify_base_url="https://dify.example.com", dify_api_key="app-old")
    old.conversation("c-1")
    old.conversation("c-2", "coin_tutor", "charlie")
    old.turn("c-1", "5b0a4d1e")
    old.turn("c-2", "7c9e2f60")
    old.half("c-1", "9d41c0aa_user", "user", "Why?")
    old.turn("c-3", "e2f6b713")
    said = told(old)
    assert f"old.db\n{said}```" in (ROOT / "docs" / "moving.md").read_text()


def test_a_log_gets_a_line_now_and_then(lite: OnSQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_fastapi_gateway, "A_LINE_EVERY", 4)
    lite.system()
    lite.conversation("c-1")
    for number in range(5):
        lite.turn("c-1", f"m-{number}")
    said = told(lite, "--batch", "2")
    lines = [line for line in said.splitlines() if line.endswith(" messages")]
    assert lines == ["4 of 10 messages", "8 of 10 messages"]
    assert told(lite, "--verbosity", "0") == ""
