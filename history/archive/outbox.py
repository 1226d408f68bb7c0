"""What is not stored yet is stored, and only then marked: whatever breaks in between is done again, under its name.

No database connection is held while objects are on their way, and nothing waits for a run but its operator.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from history.archive import objects
from history.models import Message
from history.recorder import let_go_of_database

BATCH = 100  # turns in memory
WORKERS = 4
GIVE_UP_AFTER = 5  # failures in a row, if the storage takes nothing else either
MOST_NAMED = 20  # failures that are named one by one
PROBE = "probe.json"

logger = logging.getLogger(__name__)


class StorageDown(Exception):
    """It takes nothing any more."""


@dataclass
class Report:
    waiting: int = 0
    stored: int = 0
    changed: int = 0  # or deleted meanwhile: left to the next run
    failed: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)  # the first ones, by name
    down: bool = False
    begun: float = field(default_factory=time.monotonic)

    def fail(self, name: str, error: Exception) -> None:
        self.failed += 1
        if len(self.problems) < MOST_NAMED:
            self.problems.append(f"{name}: {reason(error)}")

    def as_json(self) -> dict[str, Any]:
        shown = ("waiting", "stored", "changed", "failed", "bytes", "problems", "down")
        return {name: getattr(self, name) for name in shown} | {"seconds": round(time.monotonic() - self.begun, 3)}


def reason(error: Exception) -> str:
    """What kind of failure it was. Messages may quote addresses and keys, so only codes are taken from them."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else getattr(error, "strerror", None)
    return f"{type(error).__name__} ({code})" if code else type(error).__name__


def waiting(systems: Iterable[str] = ()) -> QuerySet[Message]:
    """By the index messages_to_archive, oldest first."""
    due = Message.objects.filter(archived_at=None).exclude(status=Message.Status.PENDING).order_by("pk")
    return due.filter(system_id__in=systems) if systems else due


@dataclass(frozen=True, slots=True)
class Parcel:
    """One turn as it was read."""

    pk: int
    name: str
    former_name: str | None
    content: bytes

    @classmethod
    def of(cls, message: Message) -> "Parcel":
        content = objects.object_of(message)
        return cls(message.pk, objects.name_of(message), objects.former_name(message), content)

    def send(self) -> None:
        objects.store(self.name, self.content)
        if self.former_name:
            objects.removed([self.former_name])


class Outbox:
    """`run` it once. `on_stored` hears of every turn that is stored."""

    def __init__(self, *, batch: int = BATCH, workers: int = WORKERS, on_stored: Callable[[], None] = lambda: None):
        self.report = Report()
        self._batch = batch
        self._workers = workers
        self._on_stored = on_stored
        self._in_vain = 0  # since something was stored

    def run(self, turns: QuerySet[Message], limit: int | None = None) -> Report:
        if tidy := getattr(objects.storage(), "tidy", None):
            tidy()
        executor = ThreadPoolExecutor(self._workers, thread_name_prefix="archive")
        try:
            for parcels in self._batches(turns, limit):
                self._deliver(executor, parcels)
        except StorageDown:
            self.report.down = True
        finally:
            executor.shutdown(cancel_futures=True)
        return self.report

    def _batches(self, turns: QuerySet[Message], limit: int | None) -> Iterator[list[Parcel]]:
        """Each turn once, also those that could not be stored."""
        after, left = 0, limit
        while left is None or left > 0:
            size = self._batch if left is None else min(self._batch, left)
            rows = list(turns.filter(pk__gt=after).select_related("conversation")[:size])
            let_go_of_database()
            if not rows:
                return
            after, left = rows[-1].pk, None if left is None else left - len(rows)
            yield list(self._packed(rows))

    def _packed(self, rows: list[Message]) -> Iterator[Parcel]:
        for row in rows:
            try:
                yield Parcel.of(row)
            except Exception as error:
                logger.exception("A turn cannot be written as an object")
                self.report.fail(objects.name_of(row), error)

    def _deliver(self, executor: ThreadPoolExecutor, parcels: list[Parcel]) -> None:
        """Whatever got there is marked, also if the storage goes down meanwhile."""
        under_way = {executor.submit(parcel.send): parcel for parcel in parcels}
        sent: list[Parcel] = []
        try:
            for future in as_completed(under_way):
                if self._arrived(future, under_way[future]):
                    sent.append(under_way[future])
                self._give_up_if_down()
        finally:
            for future in under_way:
                future.cancel()
            self._mark(sent)

    def _arrived(self, future: Future[None], parcel: Parcel) -> bool:
        try:
            future.result()
        except Exception as error:
            self._in_vain += 1
            self.report.fail(parcel.name, error)
            return False
        self._in_vain = 0
        self._on_stored()
        return True

    def _give_up_if_down(self) -> None:
        """One bad folder can fail many times in a row, so the storage is asked itself."""
        if self._in_vain < GIVE_UP_AFTER:
            return
        try:
            objects.store(PROBE, b"{}")
            objects.removed([PROBE])
        except Exception as error:
            raise StorageDown from error
        self._in_vain = 0

    def _mark(self, sent: list[Parcel]) -> None:
        if not sent:
            return
        same, changed, gone = marked(sent)
        let_go_of_database()
        objects.removed(parcel.name for parcel in gone)
        self.report.stored += len(same)
        self.report.changed += len(changed) + len(gone)
        self.report.bytes += sum(len(parcel.content) for parcel in same)


@transaction.atomic
def marked(sent: list[Parcel]) -> tuple[list[Parcel], list[Parcel], list[Parcel]]:
    """Marks those that are still as they were sent. The others: those that changed meanwhile, and those deleted.

    What changed loses another run's mark, too: the older object may have come to lie over the newer.
    """
    keys = [parcel.pk for parcel in sent]
    rows = Message.objects.select_for_update(of=("self",)).select_related("conversation").filter(pk__in=keys)
    now = {row.pk: row for row in rows}
    gone = [parcel for parcel in sent if parcel.pk not in now]
    here = [parcel for parcel in sent if parcel.pk in now]
    same = [parcel for parcel in here if is_same(parcel, now[parcel.pk])]
    changed = [parcel for parcel in here if parcel not in same]
    Message.objects.filter(pk__in=[parcel.pk for parcel in same]).update(archived_at=timezone.now())
    Message.objects.filter(pk__in=[parcel.pk for parcel in changed]).update(archived_at=None)
    return same, changed, gone


def is_same(parcel: Parcel, row: Message) -> bool:
    return row.status != Message.Status.PENDING and (objects.name_of(row), objects.object_of(row)) == (
        parcel.name,
        parcel.content,
    )
