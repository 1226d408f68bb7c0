"""Makes the ledger's rows equal to Dify's, in bulk, with what a running turn or its user writes left alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from history import retention
from history.dify_rows import Listed, Said
from history.listing import conversation_of
from history.models import Conversation, Message
from history.recorder import upserted
from history.sync import joining
from history.sync.joining import Ledger
from tenants.caller import Caller

BATCH = 500  # rows in a statement
Item = TypeVar("Item")


@contextmanager
def writing(dry_run: bool) -> Iterator[None]:
    """A transaction; a dry one counts what it would do, and is then rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(dry_run)


class Listing(NamedTuple):
    known: dict[str, Conversation]  # every one of the user's, as it is now
    added: int
    changed: int
    foreign: set[str]  # ids that the ledger has for somebody else


def conversations(caller: Caller, rows: list[Listed], began: datetime, dry_run: bool) -> Listing:
    """`began` is when Dify was first asked: what was deleted here since then is not news from there."""
    known = {row.conversation_id: row for row in of_user(caller)}
    since = retention.taken_in_since(caller)
    rows = [row for row in rows if row.id in known or row.updated_at >= since]
    unknown = {row.id for row in rows if row.id not in known}
    foreign = set(taken(Conversation, "conversation_id", caller, list(unknown)))
    moved = [new for row in rows if row.id not in foreign and (new := merged(caller, row, known.get(row.id)))]
    back = [old for row in rows if (old := known.get(row.id)) and old.deleted_at and old.deleted_at < began]
    if moved or back:
        with writing(dry_run):
            for batch in batches(moved):
                upserted(batch, update=["name", "created_at", "updated_at"])
            for batch in batches(back):
                revive(batch, began)
            known = {row.conversation_id: row for row in of_user(caller)}
    touched = {row.conversation_id for row in [*moved, *back]}
    added, changed = len(touched & unknown), len(touched - unknown)
    return Listing(known, added, changed, foreign)


def revive(conversations: list[Conversation], began: datetime) -> None:
    mine = Conversation.objects.filter(pk__in=[row.pk for row in conversations], deleted_at__lt=began)
    mine.update(deleted_at=None)


def of_user(caller: Caller) -> list[Conversation]:
    return list(Conversation.objects.filter(system_id=caller.system.system_id, user_id=caller.user_id))


def taken(model: type[Conversation] | type[Message], column: str, caller: Caller, ids: Sequence[str]) -> Iterator[str]:
    """Those ids that the system's rows have already."""
    for batch in batches(ids):
        found = model._base_manager.filter(system_id=caller.system.system_id, **{f"{column}__in": batch})
        yield from found.values_list(column, flat=True)


def merged(caller: Caller, row: Listed, old: Conversation | None) -> Conversation | None:
    """The row to write; None if there is nothing to change."""
    name = row.name or (old.name if old else "")
    if old and (old.name, old.created_at, old.updated_at) == (name, row.created_at, row.updated_at):
        return None
    return conversation_of(caller, row._replace(name=name))


class Reading(NamedTuple):
    added: int
    changed: int
    open: bool  # something was left for the next sync, because a turn still runs
    foreign: set[str]


def messages(caller: Caller, conversation: Conversation, rows: list[Said]) -> Reading:
    """To be called while `writing`."""
    here = Q(conversation=conversation) | Q(conversation=None, message_id=None)
    ours = Message.objects.select_for_update().filter(here, system_id=caller.system.system_id, user_id=caller.user_id)
    ledger, since = Ledger(ours), retention.taken_in_since(caller)
    new, changed, still_open = [], [], False
    for row in sorted(rows, key=lambda row: row.created_at):
        entry = ledger.entry_of(row)
        if ledger.awaits(row) if entry is None else joining.may_run(entry):
            still_open = True
        elif entry is None:
            new += [joining.new_entry(conversation, row)] if row.created_at >= since else []
        elif joining.settle(entry, conversation, row):
            changed.append(entry)
        still_open |= joining.may_grow(row)
    foreign = set(taken(Message, "message_id", caller, [entry.message_id or "" for entry in new]))
    new = [entry for entry in new if entry.message_id not in foreign]
    # A turn may have named its row a moment ago: then its row is the better one.
    Message.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    Message.objects.bulk_update(changed, [*joining.WRITTEN, "archived_at"], batch_size=BATCH)
    return Reading(len(new), len(changed), still_open, foreign)


def note_read(conversation: Conversation, until: datetime | None) -> None:
    """`until` is Dify's updated_at, if all there was to read has been read."""
    Conversation.objects.filter(pk=conversation.pk).update(synced_at=timezone.now(), synced_until=until)


def note_gone(conversation: Conversation) -> tuple[int, int]:
    """Dify has it no more: how many conversations and messages that marks as deleted."""
    gone = Conversation.objects.filter(pk=conversation.pk, deleted_at=None).update(deleted_at=timezone.now())
    return gone, Message.objects.filter(conversation=conversation).count() if gone else 0


def left_pending(caller: Caller) -> list[Message]:
    """Turns that a crash left behind."""
    pending = Message.objects.filter(
        system_id=caller.system.system_id, user_id=caller.user_id, status=Message.Status.PENDING
    )
    # Asked for their age, too, SQLite would go through all of the system by its days, for each user anew.
    return [entry for entry in pending if not joining.may_run(entry)]


def interrupt(entries: list[Message]) -> int:
    """What came of their answers is kept."""
    still = Message.objects.filter(pk__in=[entry.pk for entry in entries], status=Message.Status.PENDING)
    return still.update(status=Message.Status.FAILED, error_code=joining.INTERRUPTED, archived_at=None)


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), BATCH):
        yield list(items[start : start + BATCH])
