"""Dify's rows, checked: what can be stored of them, and by which name a row is skipped that cannot."""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dify.client import JSONObject
from history.recorder import moment, storable

MAX_ID = 64  # characters


class Unusable(ValueError):
    """A row that cannot be stored; the message says which and why, and quotes nothing that anybody said."""


class Listed(NamedTuple):
    """A conversation as Dify's list has it."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime


class Said(NamedTuple):
    """A message as Dify's list has it. None is for what it does not tell."""

    id: str
    query: str
    answer: str
    failed: bool
    created_at: datetime
    feedback: str | None
    citations: list[Any]
    files: list[Any]


def listed(row: JSONObject) -> Listed:
    row_id = usable_id(row, "conversation")
    created_at = usable_time(row, "created_at", "conversation")
    updated_at = usable_time(row, "updated_at", "conversation") if row.get("updated_at") else created_at
    return Listed(row_id, text(row.get("name")), created_at, updated_at)


def said(row: JSONObject) -> Said:
    feedback = row.get("feedback")
    rating = text(feedback.get("rating"))[:8] if isinstance(feedback, dict) else ""
    return Said(
        id=usable_id(row, "message"),
        query=text(row.get("query")),
        answer=text(row.get("answer")),
        failed=row.get("status") == "error",
        created_at=usable_time(row, "created_at", "message"),
        feedback=rating if "feedback" in row else None,
        citations=objects(row.get("retriever_resources")),
        files=objects(row.get("message_files")),
    )


def usable_id(row: JSONObject, kind: str) -> str:
    value = row.get("id")
    if isinstance(value, str) and len(value) <= MAX_ID and value.isprintable():
        return value
    raise Unusable(f"A {kind} was skipped: its id cannot be used.")


def usable_time(row: JSONObject, column: str, kind: str) -> datetime:
    try:
        return time_of(row.get(column))
    except ValueError:
        raise Unusable(f"The {kind} {row['id']} was skipped: its {column} cannot be read.") from None


def time_of(value: Any) -> datetime:
    """From Unix seconds, as a number or as text, or from ISO 8601. Raises ValueError."""
    if isinstance(value, str) and not value.strip().replace(".", "", 1).isdecimal():
        found = datetime.fromisoformat(value.strip())
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError
    try:
        seconds = float(value)
        if not math.isfinite(seconds) or seconds <= 0:
            raise ValueError
        return moment(int(seconds))
    except (OverflowError, OSError) as error:
        raise ValueError("no calendar has it") from error


def seconds_of(value: Any) -> int:
    """Unix seconds; 0 if it cannot be read."""
    try:
        return int(time_of(value).timestamp())
    except ValueError:
        return 0


def text(value: Any) -> str:
    return storable(value) if isinstance(value, str) else ""


def objects(value: Any) -> list[Any]:
    return [storable_json(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def storable_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {storable(name): storable_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [storable_json(item) for item in value]
    return storable(value) if isinstance(value, str) else value
