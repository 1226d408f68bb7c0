"""Words are found the same on PostgreSQL and on SQLite, wherever they occur, in whatever script."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Q, QuerySet
from django.test.utils import CaptureQueriesContext

from history.conditions import of_feedback, of_status
from history.filters import Filter, conversations, page, turns, unnamed_turns
from history.models import Conversation, Message
from history.pages.exports.rows import ORDER
from history.search import lookup
from tenants.models import System

BEGIN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def said(system: System, name: str, *turns: tuple[str, str], **fields: Any) -> Conversation:
    """A conversation of Alice's; each call a minute later."""
    at = BEGIN + timedelta(minutes=Conversation.objects.count())
    conversation = Conversation.objects.create(
        system=system, user_id="alice", conversation_id=name, created_at=at, updated_at=at
    )
    fields = {"status": "answered", **fields}
    Message.objects.bulk_create(
        Message(
            system=system,
            user_id="alice",
            conversation=conversation,
            query=query,
            answer=answer,
            created_at=at,
            **fields,
        )
        for query, answer in turns
    )
    return conversation


NAME = "conversation__conversation_id"


def found(system: System, q: str, **fields: Any) -> set[str]:
    """By all three ways: a page of the list, the whole list, and the turns."""
    wanted = Filter(systems=(system,), q=q, **fields)
    names = {row.conversation_id for row in conversations(wanted)}
    assert {row.conversation_id for row in page(wanted, 1000)} == names
    assert set(turns(wanted).values_list(NAME, flat=True)) == names
    return names


TEXTS = {
    "english": ("What does a ledger keep?", "A Ledger keeps every entry, 100% of it."),
    "korean": ("장부는 무엇을 보관하나요?", "장부는 모든 기록을 보관합니다."),
    "japanese": ("元帳には何が残りますか", "元帳にはすべての取引が残ります。コーヒー"),
    "chinese": ("账本保存什么？", "我是学生。账本保存每一笔记录"),
    "russian": ("Что хранит КНИГА?", "Книга хранит всё, Ёлка"),
    "greek": ("ΟΔΟΣ", "ὁδός ΟΔΟΣΑ"),
    "accents": ("Straße in Zürich", "ÀÉÎ ñandú ﬁn"),
    "turkish": ("İstanbul", "Iğdır"),
    "wide": ("ＡＢＣ１２", "カタカナ ｶﾀ"),
    "signs": ("50%_\\ 'single' \"double\" C++ a|b", "x AND y OR NOT z* NEAR(a) ^b -c {d}:e"),
    "emoji": ("👩‍💻 hi", "👍🏽 ok"),
    "old": ("ᏣᎳᎩ Ꙁ", "𐐀𐐁𐐂"),
    "short": ("Q7", "k"),
    "empty": ("only asked", ""),
}
# What is looked for, and where it is.
WORDS = {
    "ledger": {"english"},
    "LEDGER": {"english"},
    "edge": {"english"},
    "ledger entry": {"english"},
    "entry ledger": {"english"},
    "keep? A": {"english"},
    "ledger 장부": set(),
    "ledgers": set(),
    "keep?A": set(),
    "장부": {"korean"},
    "장": {"korean"},
    "장부는": {"korean"},
    "부는": {"korean"},
    "보관합니다": {"korean"},
    "보관합니다.": {"korean"},
    "장부 보관": {"korean"},
    "장부보관": set(),
    "元帳": {"japanese"},
    "コーヒー": {"japanese"},
    "ヒー": {"japanese"},
    "ー": {"japanese"},
    "か": {"japanese"},
    "账本": {"chinese"},
    "我": {"chinese"},
    "记录": {"chinese"},
    "录": {"chinese"},
    "什么？": {"chinese"},
    "？": {"chinese"},
    "книга": {"russian"},
    "КНИГА": {"russian"},
    "нига": {"russian"},
    "ёл": {"russian"},
    "ЁЛ": {"russian"},
    "всё": {"russian"},
    "все": set(),
    "οδοσ": {"greek"},
    "οδος": {"greek"},
    "ΟΔΟΣΑ": {"greek"},
    "ΌΣ": {"greek"},
    "ός": {"greek"},
    "STRASSE": set(),
    "straße": {"accents"},
    "zürich": {"accents"},
    "ZÜRICH": {"accents"},
    "zurich": set(),
    "àé": {"accents"},
    "ÑANDÚ": {"accents"},
    "İstanbul": {"turkish"},
    "i̇stanbul": {"turkish"},
    "i̇s": {"turkish"},
    "stanbul": {"turkish"},
    "IĞDIR": set(),
    "iğdır": {"turkish"},
    "ａｂｃ": {"wide"},
    "ＢＣ": {"wide"},
    "１２": {"wide"},
    "abc": set(),
    "カタ": {"wide"},
    "ｶﾀ": {"wide"},
    "%": {"english", "signs"},
    "100%": {"english"},
    "50%": {"signs"},
    "5_%": set(),
    "_": {"signs"},
    "%_": {"signs"},
    "\\": {"signs"},
    "_\\": {"signs"},
    "%%": set(),
    "'": {"signs"},
    '"': {"signs"},
    '"double"': {"signs"},
    "'single'": {"signs"},
    '"double': {"signs"},
    '""': set(),
    "C++": {"signs"},
    "c+": {"signs"},
    "a|b": {"signs"},
    "not and": {"signs"},
    "z*": {"signs"},
    "near(a)": {"signs"},
    "^b": {"signs"},
    "-c": {"signs"},
    "{d}:e": {"signs"},
    "👍": {"emoji"},
    "👍🏽": {"emoji"},
    "👩‍💻": {"emoji"},
    "👎": set(),
    "ᏣᎳᎩ": {"old"},
    "Ꭳ": set(),
    "ᎳᎩ": {"old"},
    "ꙁ": {"old"},
    "𐐨𐐩𐐪": {"old"},
    "𐐁": {"old"},
    "q7": {"short"},
    "7": {"short"},
    "asked": {"empty"},
    "only asked": {"empty"},
    "d": {"english", "turkish", "signs", "empty", "accents"},
    "zq": set(),
}


@pytest.fixture
def texts(drillquiz: System) -> System:
    for name, text in TEXTS.items():
        said(drillquiz, name, text)
    return drillquiz


def test_the_same_words_find_the_same_turns_on_every_database(texts: System) -> None:
    differing = {q: names for q, where in WORDS.items() if (names := found(texts, q)) != where}

    assert not differing


@pytest.mark.parametrize(
    ("near", "far"), [(1, 0), (1, 10_000), (1000, 0)], ids=["by the index", "by both", "by looking"]
)
def test_every_way_of_looking_finds_the_same(
    texts: System, near: int, far: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "NEWEST", near)
    monkeypatch.setattr(lookup, "FARTHEST", far)
    pages = {q: {row.conversation_id for row in page(Filter(systems=(texts,), q=q), 1000)} for q in WORDS}

    assert pages == WORDS


@pytest.mark.parametrize("few", [0, 1], ids=["by looking", "by the index, if one has it"])
def test_every_way_of_reading_all_turns_finds_the_same(
    texts: System, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "FEW", few)
    read = {q: set(turns(Filter(systems=(texts,), q=q)).values_list(NAME, flat=True)) for q in WORDS}

    assert read == WORDS


# The index follows the rows -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _always_the_index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "near" not in request.fixturenames:
        monkeypatch.setattr(lookup, "NEWEST", 1)
        monkeypatch.setattr(lookup, "FARTHEST", 0)


def test_a_turn_is_found_from_its_end_on(drillquiz: System) -> None:
    conversation = said(drillquiz, "c1", ("장부?", "The led"), status="pending")
    Message.objects.update(answer="The ledger")
    assert not any(found(drillquiz, q) for q in ("장부", "ledger", "led"))

    conversation.messages.update(status="answered")
    assert all(found(drillquiz, q) for q in ("장부", "ledger", "led"))


def written_one_by_one(turn: Message, answer: str) -> None:
    turn.answer = answer
    turn.save()


def written_in_bulk(turn: Message, answer: str) -> None:
    turn.answer = answer
    Message.objects.bulk_update([turn], ["answer", "query"])


def written_by_query(turn: Message, answer: str) -> None:
    Message.objects.filter(pk=turn.pk).update(answer=answer)


def written_by_upsert(turn: Message, answer: str) -> None:
    turn.pk, turn.answer = None, answer
    Message.objects.bulk_create(
        [turn], update_conflicts=True, unique_fields=["system", "message_id"], update_fields=["answer"]
    )


@pytest.mark.parametrize("write", [written_one_by_one, written_in_bulk, written_by_query, written_by_upsert])
def test_what_is_written_over_is_found_by_its_new_words_only(drillquiz: System, write: Any) -> None:
    said(drillquiz, "c1", ("question", "first 账本"), message_id="m1")

    write(Message.objects.get(), "second 元帳 İ")

    assert [bool(found(drillquiz, q)) for q in ("first", "账本", "账")] == [False] * 3
    assert [bool(found(drillquiz, q)) for q in ("second", "元帳", "帳", "question", "i̇")] == [True] * 5
    assert indexed_rows() == 1


def test_a_turn_that_is_there_already_is_not_indexed_twice(drillquiz: System) -> None:
    said(drillquiz, "c1", ("question", "first"), message_id="m1")
    again = Message.objects.get()
    again.pk, again.answer = None, "second"

    Message.objects.bulk_create([again], ignore_conflicts=True)

    assert [found(drillquiz, q) for q in ("first", "second")] == [{"c1"}, set()]


def test_what_is_deleted_leaves_the_index(drillquiz: System) -> None:
    conversation = said(drillquiz, "c1", ("ledger", "İ 账本"), ("other", "x"))
    said(drillquiz, "running", ("ledger", "half"), status="pending")
    Message.objects.filter(query="other").delete()
    assert indexed_rows() == 1

    conversation.delete()
    Message.objects.all().delete()

    assert indexed_rows() == 0
    if connection.vendor == "sqlite":
        assert terms() == []


def test_what_is_taken_back_is_not_found(drillquiz: System) -> None:
    said(drillquiz, "c1", ("ledger", "x"))

    Message.objects.update(status="pending")

    assert not found(drillquiz, "ledger")


def indexed_rows() -> int:
    if connection.vendor != "sqlite":
        return Message.objects.exclude(status="pending").count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT doc) FROM history_search_terms")
        return int(cursor.fetchone()[0])


def terms() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT term, doc FROM history_search_terms")
        return list(cursor.fetchall())


def test_what_was_said_before_there_was_a_search_is_found(drillquiz: System) -> None:
    migration = import_module("history.migrations.0007_search_index")
    with connection.schema_editor() as editor:
        migration.drop(None, editor)
    said(drillquiz, "old", ("장부는?", "ledger"))
    said(drillquiz, "running", ("장부는?", "ledger"), status="pending")
    with connection.schema_editor() as editor:
        migration.build(None, editor)

    assert [found(drillquiz, q) for q in ("ledger", "장부")] == [{"old"}, {"old"}]
    Message.objects.filter(status="pending").update(status="failed")
    assert found(drillquiz, "ledger") == {"old", "running"}


@pytest.fixture
def restored(drillquiz: System) -> Iterator[psycopg.Connection]:
    """A database made from a dump of this one, in which Alice has asked for the ledger."""
    said(drillquiz, "c1", ("장부는?", "The ledger"))
    login = {name: connection.settings_dict[name.upper()] for name in ("host", "port", "user", "password")}
    login = {name: str(value) for name, value in login.items() if value}
    environment = os.environ | {f"PG{name.upper()}": value for name, value in login.items()}
    with psycopg.connect(dbname="postgres", autocommit=True, **login) as server:
        server.execute("CREATE DATABASE restored")
        try:
            pg_dump = ["pg_dump", str(connection.settings_dict["NAME"])]
            dump = subprocess.run(pg_dump, env=environment, stdout=subprocess.PIPE, check=True)
            psql = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "restored"]
            subprocess.run(psql, env=environment, input=dump.stdout, check=True)
            with psycopg.connect(dbname="restored", **login) as database:
                yield database
        finally:
            server.execute("DROP DATABASE restored WITH (FORCE)")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="A backup of SQLite is a copy of its file.")
def test_a_dump_can_be_restored(restored: psycopg.Connection) -> None:
    """A function of an index that calls another of ours would not find it there."""
    indexes = restored.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indisvalid").fetchall()
    found = restored.execute(
        "SELECT 1 FROM history_message WHERE history_said(query, answer) LIKE '%ledger%'"
    ).fetchall()

    assert {("messages_by_trigrams",), ("messages_by_short_words",)} <= set(indexes)
    assert len(found) == 1


def plan_of(turns: Q) -> str:
    return plan_of_rows(Message.objects.filter(turns))


def plan_of_rows(rows: QuerySet[Message]) -> str:
    """How the database would look for them, if it did not see that the table is nearly empty."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")
            cursor.execute("SET enable_indexscan = off")
        plan = rows.explain()
        if connection.vendor == "postgresql":
            cursor.execute("RESET ALL")
    return plan


@pytest.mark.parametrize("q", ["ledger", "led 장부", "장부", "장", "部ab", "长 x"])
def test_the_index_is_used(drillquiz: System, q: str) -> None:
    """Else a search is right, but reads everything that was ever said."""
    plan = plan_of(lookup.by_index(Filter(systems=None, q=q).words))

    assert ("messages_by_" in plan) if connection.vendor == "postgresql" else ("VIRTUAL TABLE INDEX" in plan)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's indexes belong to the table.")
def test_an_index_that_lost_its_triggers_is_built_again(drillquiz: System) -> None:
    """Django changes a table on SQLite by making a new one, which has none."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER history_search_insert")
    said(drillquiz, "c1", ("ledger", "x"))
    assert not found_by_index(drillquiz, "ledger")

    call_command("migrate", "history", verbosity=0)

    assert found_by_index(drillquiz, "ledger") == {"c1"}
    said(drillquiz, "c2", ("ledger", "x"))
    assert found_by_index(drillquiz, "ledger") == {"c1", "c2"}


def found_by_index(system: System, q: str) -> set[str]:
    return {row.conversation_id for row in conversations(Filter(systems=(system,), q=q))}


@pytest.fixture
def near() -> None:
    """For a test that says itself how far to look."""


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many conversations are looked at first."""
    monkeypatch.setattr(lookup, "NEWEST", 4)


def page_of(system: System, limit: int, **fields: Any) -> tuple[list[str], str]:
    """Names, and the statements that it took."""
    with CaptureQueriesContext(connection) as captured:
        found = page(Filter(systems=(system,), **fields), limit)
    return [row.conversation_id for row in found], "\n".join(query["sql"] for query in captured)


def asks_the_index(statements: str) -> bool:
    return ("history_said" if connection.vendor == "postgresql" else "MATCH") in statements


def test_a_common_word_fills_a_page_without_the_index(drillquiz: System, near: None, four: None) -> None:
    for number in range(6):
        said(drillquiz, f"c{number}", ("ledger", "x"))

    names, statements = page_of(drillquiz, 3, q="ledger")

    assert names == ["c5", "c4", "c3"]
    assert not asks_the_index(statements)


def test_a_less_common_word_is_looked_up_in_as_many_conversations_as_should_do(
    drillquiz: System, near: None, four: None
) -> None:
    for number in range(60):
        said(drillquiz, f"c{number}", ("ledger" if number % 4 == 0 else "other", "x"))

    names, statements = page_of(drillquiz, 3, q="ledger")

    assert names == ["c56", "c52", "c48"]
    assert asks_the_index(statements)
    assert "LIMIT 48" in statements  # one of four has it, so three need twelve; one foretells little, so many to spare


def test_a_word_that_was_common_only_lately_is_found_in_old_turns_too(
    drillquiz: System, near: None, four: None
) -> None:
    for number in range(60):
        said(drillquiz, f"c{number}", ("ledger" if number in (0, 58, 59) else "other", "x"))

    assert page_of(drillquiz, 3, q="ledger")[0] == ["c59", "c58", "c0"]


def test_beyond_the_farthest_the_index_is_asked_of_all(
    drillquiz: System, near: None, four: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "FARTHEST", 10)
    for number in range(40):
        said(drillquiz, f"c{number}", ("ledger" if number % 4 == 0 else "other", "x"))

    assert page_of(drillquiz, 3, q="ledger")[0] == ["c36", "c32", "c28"]


@pytest.mark.parametrize("common", ["other", "o", "th 장"])
def test_a_common_word_beside_a_rare_one_is_not_looked_up(
    drillquiz: System, near: None, four: None, common: str
) -> None:
    """The index has too many turns of it."""
    for number in range(9):
        said(drillquiz, f"c{number}", (f"other 장 {'ledger' if number == 1 else ''}", "x"))

    names, statements = page_of(drillquiz, 3, q=f"ledger {common}")

    assert names == ["c1"]
    assert asks_the_index(statements)
    looked_up = r"LIKE '%(other|o|th|장)%'" if connection.vendor == "postgresql" else r'MATCH .*"(oth|the|her)"'
    assert not re.search(looked_up, statements)


def test_words_that_are_all_common_are_found_together(drillquiz: System, near: None, four: None) -> None:
    for number in range(9):
        said(drillquiz, f"c{number}", ("ledger entry" if number == 1 else ("ledger", "entry")[number % 2], "x"))

    assert page_of(drillquiz, 3, q="ledger entry")[0] == ["c1"]


def test_a_common_word_with_a_rare_status_is_found(drillquiz: System, near: None, four: None) -> None:
    for number in range(9):
        status = "stopped" if number in (1, 2) else "answered"
        said(drillquiz, f"c{number}", ("ledger" if number != 2 else "other", "x"), status=status)

    assert page_of(drillquiz, 3, q="ledger", status="stopped")[0] == ["c1"]


def test_a_common_word_in_a_period_with_few_turns_is_looked_up(drillquiz: System, near: None, four: None) -> None:
    """There is no other index that has them, so that all others would have to be read."""
    long_ago = BEGIN - timedelta(days=30)
    for number in range(9):
        talk = said(drillquiz, f"c{number}", ("ledger", "x"))
        Conversation.objects.filter(pk=talk.pk).update(created_at=long_ago)
        if number != 1:
            talk.messages.update(created_at=long_ago)

    names, statements = page_of(drillquiz, 3, q="ledger", from_date=BEGIN.date())

    assert names == ["c1"]
    assert asks_the_index(statements)


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (of_status("failed"), "messages_unanswered"),
        (of_status("stopped"), "messages_unanswered"),
        (of_status("pending"), "messages_running"),
        (of_feedback("like"), "messages_rated"),
        (of_feedback("dislike"), "messages_rated"),
    ],
    ids=["failed", "stopped", "pending", "liked", "disliked"],
)
def test_what_is_seldom_has_an_index(drillquiz: System, asked: Q, index: str) -> None:
    assert index in plan_of(asked)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's statistics tell it how few they are.")
def test_questions_without_a_conversation_are_found_without_reading_all_others(drillquiz: System) -> None:
    """Every visit of the history page looks for them."""
    for wanted in (Filter(systems=(drillquiz,)), Filter(systems=(drillquiz,), q="ledger", user_id="alice")):
        assert "messages_in_order" in plan_of_rows(unnamed_turns(wanted))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's statistics tell it how many they are.")
@pytest.mark.parametrize("asked", [{}, {"status": "answered"}, {"q": "ledger"}, {"from_date": BEGIN.date()}], ids=str)
def test_an_export_of_many_turns_reads_on_in_its_order(
    drillquiz: System, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    """By the index of the system, each batch would sort all of them."""
    monkeypatch.setattr(lookup, "FEW", 0)
    said(drillquiz, "c1", ("ledger", "x"))
    many = turns(Filter(systems=(drillquiz,), **asked))

    plan = plan_of_rows(many.filter(conversation_id__gte=1).order_by(*ORDER)[:5])

    assert "messages_in_order" in plan
    assert "ORDER BY" not in plan
