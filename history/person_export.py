"""All that is kept of one person, as one JSON document, written piece by piece, with no more of it in memory."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from history import signals
from history.models import Conversation, Message, Upload
from history.person import Person

ROWS = 200  # fetched at a time


def document(person: Person) -> Iterator[str]:
    """JSON text, in pieces."""
    yield f'{{"person": {dumped(about(person))}, "conversations": ['
    separator = "\n"
    for conversation in person.conversations.order_by("created_at", "pk").iterator(ROWS):
        yield separator
        yield from conversation_text(conversation)
        separator = ",\n"
    yield "]"
    sections: dict[str, Iterable[dict[str, Any]]] = {
        "turns_without_conversation": map(turn, in_order(person.turns.filter(conversation=None))),
        "uploads": map(upload, person.uploads.order_by("pk").iterator(ROWS)),
        **elsewhere(person),
    }
    for name, rows in sections.items():
        yield f",\n{dumped(name)}: ["
        yield from listed(rows)
        yield "]"
    yield "}\n"


def is_known(person: Person) -> bool:
    return person.is_known or any(next(iter(rows), None) for rows in elsewhere(person).values())


def elsewhere(person: Person) -> dict[str, Iterable[dict[str, Any]]]:
    """What rooms above this one keep."""
    found: dict[str, Iterable[dict[str, Any]]] = {}
    who = {"system_id": person.system.pk, "user_id": person.user_id}
    answers: list[tuple[Any, Any]] = signals.user_exported.send(Person, **who)
    for _, answer in answers:
        found |= answer
    return found


def about(person: Person) -> dict[str, Any]:
    seen = person.chat_users.first()
    return {
        "system_id": person.system.pk,
        "user_id": person.user_id,
        "first_seen_at": iso(seen.first_seen_at if seen else None),
        "last_seen_at": iso(seen.last_seen_at if seen else None),
        "exported_at": iso(timezone.now()),
    }


def conversation_text(conversation: Conversation) -> Iterator[str]:
    row = {
        "conversation_id": conversation.conversation_id,
        "name": conversation.name,
        "created_at": iso(conversation.created_at),
        "updated_at": iso(conversation.updated_at),
        "deleted_at": iso(conversation.deleted_at),
    }
    yield f'{dumped(row)[:-1]}, "turns": ['
    yield from listed(map(turn, in_order(conversation.messages.all())))
    yield "]}"


def in_order(turns: QuerySet[Message]) -> Iterator[Message]:
    return turns.order_by("created_at", "pk").iterator(ROWS)


def turn(entry: Message) -> dict[str, Any]:
    return {
        "message_id": entry.message_id,
        "created_at": iso(entry.created_at),
        "question": entry.query,
        "answer": entry.answer,
        "status": entry.status,
        "error_code": entry.error_code,
        "feedback": entry.feedback or None,
        "citations": entry.citations,
        "files": entry.files,
        "latency_ms": entry.latency_ms,
        "tokens": entry.tokens,
        "price": None if entry.price is None else str(entry.price),
        "currency": entry.currency,
    }


def upload(row: Upload) -> dict[str, Any]:
    return {"file_id": row.file_id, "created_at": iso(row.created_at)}


def listed(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"{',' if number else ''}\n{dumped(row)}"


def dumped(value: Any) -> str:
    """Half a surrogate pair, which SQLite keeps and UTF-8 has not, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False).encode(errors="replace").decode()


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
