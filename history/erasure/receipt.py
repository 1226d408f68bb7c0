"""A receipt as a person reads it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from history.counts import in_words, number_of
from history.models import Erasure

SHOWN = 20  # conversation ids, before the rest is only counted


def result_of(receipt: Erasure) -> str:
    if receipt.ended_at is None:
        return "interrupted"
    return "done" if receipt.report.get("complete") else "partly"


def as_text(receipt: Erasure) -> str:
    return "\n".join(lines(receipt))


def lines(receipt: Erasure) -> Iterator[str]:
    yield f"Erasure {receipt.pk}: {receipt.user_id} of {receipt.system_id}, asked for by {receipt.asked_by}"
    yield f"Begun {moment(receipt.begun_at)}, ended {moment(receipt.ended_at) if receipt.ended_at else 'never'}"
    yield f"Result: {RESULTS[result_of(receipt)]}"
    if receipt.ended_at:
        yield from ["", "Deleted here:", *here(receipt.report["here"])]
        yield from ["", "In Dify:", *in_dify(receipt.report["dify"])]
        if problems := receipt.report["problems"]:
            yield from ["", "What went wrong:", *(f"  {problem}" for problem in problems)]
        yield from ["", "What no call can delete in Dify:", *(f"  {it}" for it in receipt.report["dify_cannot_delete"])]


RESULTS = {
    "done": "done. Nothing is left that the gateway can delete.",
    "partly": "partly. Run it again, until it is done.",
    "interrupted": "interrupted, or still running. If it is not running, run it again.",
}


def here(removed: dict[str, int]) -> Iterator[str]:
    yield from (f"  {words}" for words in in_words(removed) or ["nothing"])


def in_dify(dify: dict[str, list[Any]]) -> Iterator[str]:
    yield from named("deleted", dify["deleted"])
    yield from named("gone already", dify["already_gone"])
    yield from named("left", [f"{row['id']}: {row['reason']}" for row in dify["left"]])


def named(what: str, rows: list[str]) -> Iterator[str]:
    yield f"  {number_of('conversations', len(rows))} {what}"
    yield from (f"    {row}" for row in rows[:SHOWN])
    if len(rows) > SHOWN:
        yield f"    and {len(rows) - SHOWN} more"


def moment(when: datetime) -> str:
    return date_format(timezone.localtime(when), "Y-m-d H:i:s T")
