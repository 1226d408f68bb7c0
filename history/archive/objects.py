"""What the archive keeps of a turn, and under which name.

A name is made of what never changes, so that a turn is stored again over its own object and nowhere else, and so that
an erasure finds it: of the day in UTC, because a system's time zone can be changed later.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from history.models import Message

PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
UNNAMED = "turn-"
HASHED = "sha256-"


@runtime_checkable
class RemovesMany(Protocol):
    def delete_many(self, names: list[str]) -> None: ...


def storage() -> Storage:
    return storages["archive"]


def name_of(message: Message) -> str:
    """`{system_id}/{yyyy-mm-dd}/{message_id}.json`; a turn that Dify has not named goes by its number here."""
    return named(message, path_part(message.message_id) if message.message_id else unnamed(message))


def names_of(message: Message) -> list[str]:
    """Every name under which the turn may have been stored: a sync may have learnt its id after that."""
    return list(dict.fromkeys([name_of(message), named(message, unnamed(message))]))


def former_name(message: Message) -> str | None:
    """The name it may have had before a sync gave it Dify's id.

    Only a turn that was opened here had one. Its time has microseconds, those that Dify tells are whole seconds; and
    where Dify named it while it ran, its task is known.
    """
    if message.message_id and not message.task_id and message.created_at.microsecond:
        return named(message, unnamed(message))
    return None


def named(message: Message, last_part: str) -> str:
    return f"{message.system_id}/{message.created_at.astimezone(UTC):%Y-%m-%d}/{last_part}.json"


def unnamed(message: Message) -> str:
    return f"{UNNAMED}{message.pk}"


def path_part(message_id: str) -> str:
    """Dify's ids are UUIDs. Any other that could lead out of its folder, or be taken for another name, is hashed."""
    if PLAIN_ID.fullmatch(message_id) and not message_id.startswith((UNNAMED, HASHED)):
        return message_id
    return HASHED + hashlib.sha256(message_id.encode(errors="surrogatepass")).hexdigest()


def object_of(message: Message) -> bytes:
    """One JSON object in UTF-8. The same turn always gives the same bytes."""
    return json.dumps(contents(message), ensure_ascii=False).encode(errors="replace")


def contents(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "system": message.system_id,
        "user": message.user_id,
        "conversation": message.conversation.conversation_id if message.conversation else None,
        "created_at": iso(message.created_at),
        "status": message.status,
        "error_code": message.error_code or None,
        "question": message.query,
        "answer": message.answer,
        "files": message.files,
        "citations": message.citations,
        "usage": usage(message),
        "latency_ms": message.latency_ms,
        "model": message.model or None,
        "feedback": message.feedback or None,
    }


def usage(message: Message) -> dict[str, Any]:
    price = None if message.price is None else f"{message.price.normalize():f}"
    return {"tokens": message.tokens, "price": price, "currency": message.currency or None}


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def store(name: str, content: bytes) -> None:
    """Over whatever has that name already. Raises what the storage raises."""
    storage().save(name, ContentFile(content))


def removed(names: Iterable[str]) -> None:
    """Names that nothing has are well. Raises what the storage raises."""
    wanted = list(dict.fromkeys(names))
    where = storage()
    if isinstance(where, RemovesMany):
        where.delete_many(wanted)
        return
    for name in wanted:
        where.delete(name)
