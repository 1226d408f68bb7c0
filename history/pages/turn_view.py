"""One turn as the history shows it: what was asked, what came of it, and the numbers beside it."""

import time
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString

from history.models import Message
from history.pages.answer_html import answer_html, text_html
from history.pages.moments import Moment, moment
from history.turns import longest_turn

LEFT_OPEN = "Nobody is answering this any more; the next sync settles it."
NOTES = {"stopped": "The user stopped this answer.", "pending": "This is being answered."}


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    match: str
    snippet: str


@dataclass(frozen=True, slots=True)
class TurnView:
    turn: Message
    at: Moment
    question: SafeString
    answer: SafeString
    note: str
    files: list[str]
    sources: list[Source]
    numbers: list[str]
    matches: bool
    whose: str  # where the page does not say it already


def turn_view(turn: Message, tz: tzinfo, words: list[str], *, matches: bool = False, whose: str = "") -> TurnView:
    time.sleep(0)  # under gevent this is where other requests get their turn
    return TurnView(
        turn=turn,
        at=moment(turn.created_at, tz),
        question=text_html(turn.query, words),
        answer=answer_html(turn.answer, words),
        note=note(turn),
        files=[file_name(file) for file in dicts(turn.files)],
        sources=[source(found) for found in dicts(turn.citations)],
        numbers=numbers(turn),
        matches=matches,
        whose=whose,
    )


def note(turn: Message) -> str:
    if turn.status == Message.Status.PENDING and turn.created_at < timezone.now() - longest_turn():
        return LEFT_OPEN
    if turn.status == Message.Status.ANSWERED and not turn.answer:
        return "The answer is empty."
    return NOTES.get(turn.status, "")


def dicts(value: Any) -> list[dict[str, Any]]:
    """What Dify sent or an import brought is kept as it was, so it may be anything."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def file_name(file: dict[str, Any]) -> str:
    return str(file.get("name") or file.get("filename") or ("Image" if file.get("type") == "image" else "File"))


def source(found: dict[str, Any]) -> Source:
    name = found.get("document_name") or found.get("dataset_name") or "Source"
    return Source(str(name), match(found.get("score")), str(found.get("content") or ""))


def match(score: Any) -> str:
    known = isinstance(score, int | float) and not isinstance(score, bool)
    return f"{min(1.0, max(0.0, score)):.0%} match" if known else ""


def numbers(turn: Message) -> list[str]:
    told = [
        f"{turn.latency_ms / 1000:,.1f} s" if turn.latency_ms is not None else "",
        f"{turn.tokens:,} tokens" if turn.tokens is not None else "",
        f"{plain(turn.price)} {turn.currency}".strip() if turn.price else "",
        turn.model,
    ]
    return [words for words in told if words]


def plain(price: Decimal) -> str:
    """Without the noughts at its end, and never as 1E-7."""
    return f"{price:f}".rstrip("0").rstrip(".") if "." in f"{price:f}" else f"{price:f}"
