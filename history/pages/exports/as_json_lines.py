"""One JSON object a line and turn, with everything as it was said."""

from collections.abc import Iterator
from typing import Any

import orjson

from history.pages.exports.rows import Exported

CONTENT_TYPE = "application/x-ndjson"


def head(title: str) -> bytes:
    return b""


def body(batches: Iterator[list[Exported]]) -> Iterator[bytes]:
    for batch in batches:
        yield b"".join(orjson.dumps(shown(row), option=orjson.OPT_APPEND_NEWLINE) for row in batch)


def shown(row: Exported) -> dict[str, Any]:
    turn, conversation = row.turn, row.conversation
    return {
        "system_id": turn.system_id,
        "user_id": turn.user_id,
        "conversation_id": conversation.conversation_id if conversation else None,
        "conversation_name": conversation.name if conversation else None,
        "conversation_deleted_at": row.deleted_at.isoformat(timespec="seconds") if row.deleted_at else None,
        "message_id": turn.message_id,
        "created_at": row.at.isoformat(timespec="seconds"),
        "status": turn.status,
        "error_code": turn.error_code or None,
        "query": turn.query,
        "answer": turn.answer,
        "feedback": turn.feedback or None,
        "citations": turn.citations,
        "files": turn.files,
        "latency_ms": turn.latency_ms,
        "tokens": turn.tokens,
        "price": None if turn.price is None else str(turn.price),
        "currency": turn.currency or None,
        "model": turn.model or None,
    }
