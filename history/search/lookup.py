"""Conversations by their turns, quickly for what is common, for what is rare, and for what is in between.

The newest conversations are looked at first, to see how common it is. If it is very common, they fill a page. If it is
less so, some thousand will, as the newest foretell, and the index is asked for turns of these only. If it is rare, few
turns have it at all, and the index names them.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from history.models import Conversation, Message
from history.search import postgres, sqlite
from history.search.sample import Sample
from history.search.turns import Turns

NEWEST = 200  # conversations
FARTHEST = 10_000  # beyond so many, the index alone is quicker
WIDER = 15  # times, at most at once: what so few foretell is not exact
FEW = 10_000  # turns
SPARE = 3  # standard deviations of what is found, so that one more look will do
ENDED = ~Q(status=Message.Status.PENDING)  # a running turn is not found yet: each of its words would move the index


def dialect() -> Any:
    return postgres if connection.vendor == "postgresql" else sqlite


def occur(words: list[str]) -> Q:
    """Turns that have every word, by looking at each."""
    return ENDED & dialect().occur(words) if words else Q()


def by_index(words: list[str]) -> Q:
    """The same turns, by the index."""
    return ENDED & dialect().indexed(words) if words else Q()


def few(turns: QuerySet[Message]) -> Q | None:
    """Their ids, as a condition that costs little however often it is asked; None if they are too many for that."""
    with dialect().planning():
        found = list(turns.values_list("pk", flat=True)[: FEW + 1])
    return None if len(found) > FEW else dialect().of_any("pk", found)


def of_systems(named: list[str]) -> Q:
    return dialect().of_systems(named)


def with_turn(rows: QuerySet[Conversation], turns: Q) -> QuerySet[Conversation]:
    return rows.filter(dialect().among(Message.objects.filter(turns).values("conversation_id")))


def page(rows: QuerySet[Conversation], by_id: QuerySet[Conversation], wanted: Turns, limit: int) -> list[Conversation]:
    """The first `limit` in the order of `rows` that have such a turn.

    `by_id` are the same rows, asked for so that the database goes by their ids.
    """
    with dialect().planning():
        newest = ids(rows, NEWEST)
        look = first_look(newest, wanted)
        found = nearest(rows, newest, look, limit)
        if found is None:
            return list(with_turn(by_id, look.anywhere)[:limit])
        kept = Conversation.objects.in_bulk(found[:limit])
        return [kept[pk] for pk in found if pk in kept]


@dataclass(frozen=True, slots=True)
class Look:
    found: set[int]  # conversations with such a turn
    near: Q  # how to ask for such turns of some conversations
    anywhere: Q  # and of all
    seldom: bool  # so few turns are asked for that they come before the conversations


def first_look(newest: list[int], wanted: Turns) -> Look:
    if not wanted.words:
        found = those_with(wanted.fitting, newest)
        return Look(found, wanted.fitting, wanted.fitting, wanted.seldom)
    sample = Sample.of(newest, wanted, ENDED)
    asked = sample.worth_asking
    others = dialect().occur([word for word in wanted.words if word not in asked])
    near, anywhere = (way(asked, sample.telling) for way in (dialect().narrowed, dialect().indexed))
    # In this order, so that SQLite reads the words of those turns only that are right otherwise.
    fitting = ENDED & wanted.fitting
    return Look(sample.found, fitting & near & others, fitting & anywhere & others, not asked)


def nearest(rows: QuerySet[Conversation], newest: list[int], look: Look, limit: int) -> list[int] | None:
    """Their ids; None if a page reaches too far, even if one more had been found."""
    width, within, found = NEWEST, newest, look.found
    while len(within) == width and len(found) < limit:
        if width * limit / (len(found) + 1) > FARTHEST:
            return None
        seen = max(len(found), 1)
        width = int(width * min(WIDER, limit / seen * (1 + SPARE / seen**0.5)))
        within = ids(rows, width)
        found = those_with(look.near, within, look.seldom)
    return [pk for pk in within if pk in found]


def ids(rows: QuerySet[Conversation], width: int) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:width])


def those_with(turns: Q, conversations: list[int], seldom: bool = False) -> set[int]:
    said = Message.objects.filter(turns, dialect().of_any("conversation_id", conversations, seldom))
    return {pk for pk in said.values_list("conversation_id", flat=True) if pk}
