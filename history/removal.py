"""Turns leave the ledger in small batches: what lies in the archive first, so that a crash leaves no object behind.

A batch is one short transaction, because on SQLite other writers wait for it.
"""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from history.archive import objects
from history.models import Conversation, Message
from history.recorder import let_go_of_database
from history.turns import longest_turn

BATCH = 500
LONG = ("query", "answer", "citations", "files")


def turns_removed(turns: QuerySet[Message], batch: int = BATCH) -> Iterator[tuple[int, int]]:
    """How many turns and how many of their archived objects went, after each batch. Raises what the archive raises."""
    while doomed := list(turns.defer(*LONG).order_by("created_at", "id")[:batch]):
        let_go_of_database()
        objects.removed(names_of(doomed))
        with transaction.atomic():
            removed, _ = Message.objects.filter(pk__in=[turn.pk for turn in doomed]).delete()
        yield removed, sum(turn.archived_at is not None for turn in doomed)


def names_of(turns: list[Message]) -> Iterator[str]:
    """Also of turns that are not marked as archived: an archiver that was killed may have stored them all the same."""
    for turn in turns:
        yield from objects.names_of(turn)


def settled(turns: QuerySet[Message]) -> QuerySet[Message]:
    """Without those that may still run."""
    return turns.exclude(status=Message.Status.PENDING, created_at__gte=timezone.now() - longest_turn())


def remove_if_empty(conversations: list[Conversation]) -> int:
    """Only those that nobody has begun to speak in again."""
    with transaction.atomic():
        # Locked first: a turn that is being added either is seen below, or waits and finds no conversation.
        locked = Conversation.objects.select_for_update().filter(pk__in=[row.pk for row in conversations])
        spoken_in = Message.objects.filter(conversation=OuterRef("pk"))
        empty = Conversation.objects.filter(~Exists(spoken_in), pk__in=[row.pk for row in locked])
        return empty.delete()[0]
