"""What is older than a system's retention leaves the ledger, batch by batch; nothing of it is held in memory."""

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Exists, OuterRef, QuerySet

from history import removal, retention
from history.models import ChatUser, Conversation, Message, Upload
from tenants.models import System

Row = TypeVar("Row", Conversation, Upload, ChatUser)
COUNTED = ("turns", "archive_objects", "conversations", "uploads", "chat_users")


class Pruning:
    def __init__(self, system: System, batch: int = removal.BATCH) -> None:
        self._system = system
        self._batch = batch
        self.since = retention.kept_since(system)

    def would_remove(self) -> Counter[str]:
        turns = self._turns()
        return Counter(
            turns=turns.count(),
            archive_objects=turns.exclude(archived_at=None).count(),
            conversations=self._empty_conversations(but_for=turns).count(),
            uploads=self._uploads().count(),
            chat_users=self._chat_users(but_for=turns).count(),
        )

    def steps(self) -> Iterator[Counter[str]]:
        """What each batch removed. Whoever stops in between can begin again at any time."""
        for turns, archive_objects in removal.turns_removed(self._turns(), self._batch):
            yield Counter(turns=turns, archive_objects=archive_objects)
        for conversations in self._batches(self._empty_conversations()):
            yield Counter(conversations=removal.remove_if_empty(conversations))
        for uploads in self._batches(self._uploads()):
            yield Counter(uploads=Upload.objects.filter(pk__in=[row.pk for row in uploads]).delete()[0])
        for people in self._batches(self._chat_users()):
            # Asked again: whoever has come back meanwhile stays.
            gone = self._chat_users().filter(pk__in=[row.pk for row in people]).delete()[0]
            yield Counter(chat_users=gone)

    def _batches(self, rows: QuerySet[Row]) -> Iterator[list[Row]]:
        last = 0
        while found := list(rows.filter(pk__gt=last).order_by("pk")[: self._batch]):
            last = found[-1].pk
            yield found

    def _turns(self) -> QuerySet[Message]:
        return removal.settled(Message.objects.filter(system=self._system, created_at__lt=self.since))

    def _empty_conversations(self, but_for: QuerySet[Message] | None = None) -> QuerySet[Conversation]:
        kept = Message.objects.filter(conversation=OuterRef("pk"))
        kept = kept if but_for is None else kept.exclude(pk__in=but_for.values("pk"))
        return Conversation.objects.filter(~Exists(kept), system=self._system, updated_at__lt=self.since)

    def _uploads(self) -> QuerySet[Upload]:
        return Upload.objects.filter(system=self._system, created_at__lt=self.since)

    def _chat_users(self, but_for: QuerySet[Message] | None = None) -> QuerySet[ChatUser]:
        """Not seen since, and with nothing left here."""
        gone = ChatUser.objects.filter(system=self._system, last_seen_at__lt=self.since)
        same = {"system": OuterRef("system"), "user_id": OuterRef("user_id")}
        turns = Message.objects.filter(**same)
        turns = turns if but_for is None else turns.exclude(pk__in=but_for.values("pk"))
        talks, files = Conversation.objects.filter(**same), Upload.objects.filter(**same)
        if but_for is not None:
            talks = talks.exclude(pk__in=self._empty_conversations(but_for).values("pk"))
            files = files.filter(created_at__gte=self.since)
        return gone.filter(~Exists(turns), ~Exists(talks), ~Exists(files))
