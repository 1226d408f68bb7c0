"""CSV that Excel opens as it should: with the mark by which it knows UTF-8, and without formulas."""

import csv
import io
from collections.abc import Iterator

from history.pages.exports.rows import Exported

CONTENT_TYPE = "text/csv; charset=utf-8"
COLUMNS = [
    *("system_id", "user_id", "conversation_id", "conversation_name", "conversation_deleted_at"),
    *("message_id", "created_at", "status", "error_code", "query", "answer", "feedback"),
    *("sources", "files", "latency_ms", "tokens", "price", "currency", "model"),
]
# What a spreadsheet takes for the beginning of a formula, wide forms included.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def head(title: str) -> bytes:
    return "\ufeff".encode() + lines([COLUMNS])


def body(batches: Iterator[list[Exported]]) -> Iterator[bytes]:
    for batch in batches:
        yield lines([[safe(cell) for cell in cells(row)] for row in batch])


def lines(rows: list[list[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def safe(cell: str) -> str:
    """Else a question like `=HYPERLINK(…)` would run on the computer of whoever opens the file."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def cells(row: Exported) -> list[str]:
    turn, conversation = row.turn, row.conversation
    told = [
        *(turn.system_id, turn.user_id),
        *((conversation.conversation_id, conversation.name) if conversation else ("", "")),
        row.deleted_at.isoformat(timespec="seconds") if row.deleted_at else "",
        *(turn.message_id, row.at.isoformat(timespec="seconds"), turn.status, turn.error_code),
        *(turn.query, turn.answer, turn.feedback, row.source_names, row.file_names),
        *(turn.latency_ms, turn.tokens, turn.price, turn.currency, turn.model),
    ]
    return ["" if value is None else str(value) for value in told]
