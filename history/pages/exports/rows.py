"""The turns of an export, conversation by conversation, as much at a time as fits into little memory.

Each batch is a query of its own, behind the last turn of the one before, and no connection is kept while a client
takes its time: ten slow downloads with cursors of the database would use up the whole pool. The order is one in which
nothing moves while it is read.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from history.filters import Filter, turns, unnamed_turns
from history.models import Conversation, Message
from history.pages.turn_view import dicts, file_name, source
from history.recorder import let_go_of_database
from tenants.models import System

FIRST_BATCH, SMALLEST, LARGEST = 50, 5, 1000  # turns
BATCH_CHARACTERS = 1_000_000
ORDER = ("conversation_id", "created_at", "id")


@dataclass(frozen=True, slots=True)
class Exported:
    turn: Message
    conversation: Conversation | None
    system: System

    @property
    def at(self) -> datetime:
        return self.turn.created_at.astimezone(self.system.tz)

    @property
    def deleted_at(self) -> datetime | None:
        deleted = self.conversation.deleted_at if self.conversation else None
        return deleted.astimezone(self.system.tz) if deleted else None

    @property
    def source_names(self) -> str:
        return ", ".join(source(found).name for found in dicts(self.turn.citations))

    @property
    def file_names(self) -> str:
        return ", ".join(file_name(file) for file in dicts(self.turn.files))


def exported(wanted: Filter, systems: list[System]) -> Iterator[list[Exported]]:
    """In batches; at the end what never reached a conversation."""
    named = {system.system_id: system for system in systems}
    for rows, order in ((turns(wanted), ORDER), (unnamed_turns(wanted), ORDER[1:])):
        for batch in batches(rows, order):
            found = Conversation.objects.in_bulk({turn.conversation_id for turn in batch if turn.conversation_id})
            made = [
                Exported(turn, found.get(turn.conversation_id or 0), named.get(turn.system_id) or turn.system)
                for turn in batch
            ]
            let_go_of_database()
            yield made
            time.sleep(0)  # under gevent this is where other requests get their turn


def batches(rows: QuerySet[Message], order: tuple[str, ...]) -> Iterator[list[Message]]:
    size, rest = FIRST_BATCH, rows.order_by(*order)
    while batch := list(rest[:size]):
        yield batch
        if len(batch) < size:
            return
        rest = rows.filter(behind(batch[-1], order)).order_by(*order)
        size = next_size(batch)


def behind(last: Message, order: tuple[str, ...]) -> Q:
    """The first condition says nothing new, but it is one that an index can begin with."""
    return Q(**{f"{order[0]}__gte": getattr(last, order[0])}) & strictly_behind(last, order)


def strictly_behind(last: Message, order: tuple[str, ...]) -> Q:
    column, value, rest = order[0], getattr(last, order[0]), order[1:]
    further: Any = Q(**{f"{column}__gt": value})
    return further | (Q(**{column: value}) & strictly_behind(last, rest)) if rest else further


def next_size(batch: list[Message]) -> int:
    """As many as would make BATCH_CHARACTERS if they go on like these."""
    characters = sum(len(turn.query) + len(turn.answer) for turn in batch) or 1
    return max(SMALLEST, min(LARGEST, BATCH_CHARACTERS * len(batch) // characters))
