"""The old gateway kept a turn as two rows, `{id}_user` and `{id}_assistant`. Here they become one again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from history.dify_rows import MAX_ID, time_of
from history.moving.source import Row
from history.recorder import storable

ROLES = ("user", "assistant")


class Skipped(Exception):
    """A row that cannot be taken. The first argument says why."""


@dataclass(slots=True)
class Half:
    turn_id: str
    role: str
    conversation_id: str
    content: str
    created_at: datetime | None
    cached_at: datetime | None  # when the old gateway wrote it down


@dataclass(slots=True)
class OldTurn:
    turn_id: str
    conversation_id: str
    query: str
    answer: str
    created_at: datetime | None


def half_of(row: Row) -> Half:
    """Raises Skipped."""
    role = words(row["role"]).strip().lower()
    if role not in ROLES:
        raise Skipped("its role is neither user nor assistant")
    turn_id, _, suffix = words(row["message_id"]).rpartition("_")
    if suffix != role:
        raise Skipped(f"its id does not end in _{role}")
    if not 0 < len(turn_id) <= MAX_ID or not turn_id.isprintable():
        raise Skipped("its id cannot be used")
    times = (moment_of(row["created_at"]), moment_of(row["synced_at"]))
    return Half(turn_id, role, words(row["conversation_id"]), storable(words(row["content"])), *times)


def joined(halves: list[Half], on_duplicate: Callable[[Half], None]) -> Iterator[OldTurn]:
    """One turn for each id and conversation. Of two rows for the same half, one with words in it is taken."""
    turns: dict[tuple[str, str], dict[str, Half]] = {}
    for half in halves:
        both = turns.setdefault((half.turn_id, half.conversation_id), {})
        if half.role in both:
            on_duplicate(half)
        if half.role not in both or not both[half.role].content:
            both[half.role] = half
    for (turn_id, conversation_id), both in turns.items():
        query, answer = (both[role].content if role in both else "" for role in ROLES)
        yield OldTurn(
            turn_id, conversation_id, query, answer, time_of_turn([both[role] for role in ROLES if role in both])
        )


def time_of_turn(halves: list[Half]) -> datetime | None:
    """The question's, else the answer's, else when they were written down."""
    times = [half.created_at for half in halves] + [half.cached_at for half in halves]
    return next(filter(None, times), None)


def words(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def moment_of(value: Any) -> datetime | None:
    """None if there is none that can be read. A time without a zone is UTC."""
    try:
        found = value if isinstance(value, datetime) else time_of(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
