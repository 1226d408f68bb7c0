"""The conversations of the old gateway. The next sync reads each of them whole, because none has been read here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Max, OuterRef, QuerySet, Subquery

from history.dify_rows import MAX_ID
from history.models import Conversation, Message
from history.moving.halves import Skipped, moment_of, words
from history.moving.owners import Nobody, Owners
from history.moving.report import Report
from history.moving.source import Row, Source
from history.recorder import storable

KIND = "conversations"
TOO_OLD = "older than its system keeps, or erased here"
ANOTHERS = "it belongs to another user here"
STEP = 2000  # conversations in a statement


class Spoken(NamedTuple):
    """When the first and the last word was said, as far as the old database tells."""

    first: datetime | None
    last: datetime | None


@dataclass
class Conversations:
    source: Source
    owners: Owners
    report: Report
    dry_run: bool
    has_messages: bool

    def take(self, rows: list[Row]) -> None:
        self.report.count(KIND, seen=len(rows))
        wanted: dict[tuple[str, str], Conversation] = {}
        spoken = self._spoken(rows)
        for row in rows:
            try:
                made = self._made(row, spoken)
            except (Nobody, Skipped) as error:
                self._skip(str(error), words(row["conversation_id"]))
                continue
            if wanted.setdefault((made.system_id, made.conversation_id), made) is not made:
                self._skip("it is there twice", made.conversation_id)
        with transaction.atomic():
            self._write(wanted)

    def take_mappings(self, rows: list[Row], in_cache: bool) -> None:
        """Only those that the cache of conversations does not have."""
        ids = [words(row["conversation_id"]) for row in rows]
        cached = self.owners.of(ids, ["conversation_cache"]) if in_cache else {}
        for row in rows:
            owner = cached.get(words(row["conversation_id"]))
            if owner and owner != (words(row["system_id"]), words(row["user_id"])):
                self.report.skip(KIND, "two tables name different users", words(row["conversation_id"]), "mappings")
        self.take([row for row in rows if words(row["conversation_id"]) not in cached])

    def _spoken(self, rows: list[Row]) -> dict[str, Spoken]:
        """Asked for only where it matters: it may cost a walk through all messages."""
        ids = [words(row["conversation_id"]) for row in rows if not moment_of(row["created_at"]) or self._is_old(row)]
        if not ids or not self.has_messages:
            return {}
        query = (
            "SELECT conversation_id, MIN(CAST(created_at AS TEXT)) AS first, MAX(CAST(created_at AS TEXT)) AS last "
            "FROM message_cache WHERE conversation_id IN () GROUP BY conversation_id"
        )
        found = self.source.rows(query, ids)
        return {row["conversation_id"]: Spoken(moment_of(row["first"]), moment_of(row["last"])) for row in found}

    def _is_old(self, row: Row) -> bool:
        try:
            caller = self.owners.caller((words(row["system_id"]), words(row["user_id"])))
        except Nobody:
            return False
        created_at = moment_of(row["created_at"])
        return created_at is None or created_at < self.owners.taken_in_since(caller)

    def _made(self, row: Row, spoken: dict[str, Spoken]) -> Conversation:
        """Raises Nobody or Skipped."""
        caller = self.owners.caller((words(row["system_id"]), words(row["user_id"])))
        conversation_id = words(row["conversation_id"])
        if not 0 < len(conversation_id) <= MAX_ID or not conversation_id.isprintable():
            raise Skipped("its id cannot be used")
        first, last = spoken.get(conversation_id, Spoken(None, None))
        created_at = moment_of(row["created_at"]) or first or moment_of(row.get("synced_at"))
        if created_at is None:
            raise Skipped("it has no time that can be read")
        updated_at = max(created_at, last or created_at)
        if updated_at < self.owners.taken_in_since(caller):
            raise Skipped(TOO_OLD)
        return Conversation(
            system_id=caller.system.pk,
            user_id=caller.user_id,
            conversation_id=conversation_id,
            name=storable(words(row.get("name"))),
            created_at=created_at,
            updated_at=updated_at,
        )

    def _skip(self, why: str, conversation_id: str) -> None:
        self.report.skip(KIND, why, conversation_id)

    def _write(self, wanted: dict[tuple[str, str], Conversation]) -> None:
        known = {(row.system_id, row.conversation_id): row for row in here(wanted).select_for_update()}
        nameless = []
        for key, old in known.items():
            if old.user_id != wanted[key].user_id:
                self._skip(ANOTHERS, old.conversation_id)
            elif wanted[key].name and not old.name:
                old.name = wanted[key].name
                nameless.append(old)
        new = [made for key, made in wanted.items() if key not in known]
        self.report.count(KIND, new=len(new), completed=len(nameless))
        if not self.dry_run:
            Conversation.objects.bulk_create(new, ignore_conflicts=True)
            Conversation.objects.bulk_update(nameless, ["name"])


def here(wanted: Iterable[tuple[str, str]]) -> QuerySet[Conversation]:
    """Those of these systems and ids that this gateway has."""
    keys = list(wanted)
    return Conversation.objects.filter(
        system_id__in={system_id for system_id, _ in keys},
        conversation_id__in={conversation_id for _, conversation_id in keys},
    )


def note_last_words(systems: Iterable[str]) -> None:
    """The old gateway kept no time of a conversation's last change: it is that of its last turn."""
    last = Message.objects.filter(conversation=OuterRef("pk")).order_by().values("conversation")
    latest = Subquery(last.annotate(latest=Max("created_at")).values("latest"))
    unread = Conversation.objects.filter(system_id__in=list(systems), synced_at=None)
    after = 0
    while page := list(unread.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:STEP]):
        after = page[-1]
        late = unread.filter(pk__in=page).annotate(latest=latest).filter(latest__gt=F("updated_at"))
        Conversation.objects.filter(pk__in=late.values("pk")).update(updated_at=latest)
