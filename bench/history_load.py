"""Puts the made-up year straight into the tables, as fast as the database takes it."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from django.db import connection, transaction

from bench.history_data import Turn, new_id

CHUNK = 2_000  # conversations
CONVERSATION = ("id", "system_id", "user_id", "conversation_id", "name", "created_at", "updated_at")
MESSAGE = (
    *("conversation_id", "system_id", "user_id", "message_id", "query", "answer", "status", "created_at"),
    *("feedback", "tokens", "price", "currency", "latency_ms", "task_id", "error_code", "model", "citations", "files"),
)


def load(turns: Iterable[Turn]) -> None:
    grouped = (list(group) for _, group in groupby(turns, key=lambda turn: turn.conversation))
    while chunk := list(islice(grouped, CHUNK)):
        with transaction.atomic():
            write("history_conversation", CONVERSATION, map(conversation_row, chunk))
            write("history_message", MESSAGE, (message_row(turn) for group in chunk for turn in group))


def conversation_row(group: list[Turn]) -> tuple[Any, ...]:
    first, last = group[0], group[-1]
    return first.conversation + 1, first.system, first.user, new_id(), first.query[:40], first.at, last.at


def message_row(turn: Turn) -> tuple[Any, ...]:
    told = (turn.conversation + 1, turn.system, turn.user, new_id(), turn.query, turn.answer, turn.status, turn.at)
    tokens = len(turn.answer)
    used = (turn.feedback, tokens, tokens / 1_000_000, "USD", 300 + 12 * tokens)
    return (*told, *used, "", "", "", "[]", "[]")


def write(table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> None:
    named = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({named}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(columns))
            adapted = ([plain(value) for value in row] for row in rows)
            connection.connection.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks})", adapted)  # noqa: S608


def plain(value: Any) -> Any:
    """As Django writes times to SQLite."""
    return value.replace(tzinfo=None).isoformat(" ") if hasattr(value, "tzinfo") else value
