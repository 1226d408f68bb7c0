"""Conversations by their turns, quickly for what is rare and for what is common.

A common word is in one of the newest conversations or the next: a page of them is soon full by looking. A rare word
is in few turns of all: the index names them at once. Nobody knows beforehand which of the two a word is, so the
newest are looked at first, a bounded number, and then the index is asked.
"""

from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from history.models import Conversation, Message
from history.search import postgres, sqlite

NEAR = 200  # conversations
FEW = 20  # of them, which say whether it is worth while to look at the others
ENDED = ~Q(status=Message.Status.PENDING)  # a running turn is not found yet: each of its words would move the index


def dialect() -> Any:
    return postgres if connection.vendor == "postgresql" else sqlite


def occur(words: list[str]) -> Q:
    """Turns that have every word, by looking at each."""
    return dialect().occur(words) & ENDED if words else Q()


def by_index(words: list[str]) -> Q:
    """The same turns, by the index."""
    return dialect().indexed(words) & ENDED if words else Q()


def with_turn(rows: QuerySet[Conversation], words: list[str], of_turn: Q) -> QuerySet[Conversation]:
    """Those with a turn that has all the words and is as `of_turn` says."""
    said = Message.objects.filter(by_index(words), of_turn, conversation__isnull=False)
    return rows.filter(dialect().among(said.values("conversation_id")))


def near(rows: QuerySet[Conversation], words: list[str], of_turn: Q, limit: int) -> list[Conversation] | None:
    """Of such conversations the first `limit` in the order of `rows`; None if the nearest rows are too few to say."""
    nearest = list(rows[:NEAR])
    are_all = len(nearest) < NEAR
    few = len(nearest) if are_all else FEW
    found = those_with(nearest[:few], words, of_turn)
    if not are_all and len(found) * 4 < few:
        return None
    found |= those_with(nearest[few:], words, of_turn)
    if not are_all and len(found) < limit:
        return None
    return [row for row in nearest if row.pk in found][:limit]


def those_with(rows: list[Conversation], words: list[str], of_turn: Q) -> set[int]:
    said = Message.objects.filter(occur(words), of_turn, conversation__in=[row.pk for row in rows])
    return {found for found in said.values_list("conversation_id", flat=True) if found}


def of_systems(named: list[str]) -> Q:
    return dialect().of_systems(named)
