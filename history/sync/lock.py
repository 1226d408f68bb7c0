"""One sync at a time for a database: on PostgreSQL an advisory lock, which ends with its holder; elsewhere a row."""

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from django.db import connection, transaction
from django.utils import timezone

from history.models import SyncLock

ADVISORY_KEY = 0x73796E63  # "sync"
THE_ROW = 1
BEATS_EVERY = 5.0  # seconds
DEAD_AFTER = timedelta(seconds=60)  # without a beat
LOOKS_AGAIN_AFTER = 0.2  # seconds


class Locked(Exception):
    """Another sync is running."""

    def __str__(self) -> str:
        return "Another sync is running."


class Lock(Protocol):
    def beat(self) -> None:
        """To be called now and then while the lock is held."""


@contextmanager
def held(wait_seconds: float = 0) -> Iterator[Lock]:
    """Raises Locked if another sync still holds it after so long."""
    lock = AdvisoryLock() if connection.vendor == "postgresql" else RowLock()
    deadline = time.monotonic() + wait_seconds
    while not lock.take():
        if time.monotonic() >= deadline:
            raise Locked
        time.sleep(LOOKS_AGAIN_AFTER)
    try:
        yield lock
    finally:
        lock.release()


class AdvisoryLock:
    """Belongs to a database session, so it has one of its own: those of the pool go from hand to hand."""

    def __init__(self) -> None:
        self._session = connection.copy()
        self._session.settings_dict["OPTIONS"].pop("pool", None)

    def take(self) -> bool:
        with self._session.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_KEY])
            taken = bool(cursor.fetchone()[0])
        if not taken:
            self._session.close()
        return taken

    def beat(self) -> None:
        """Nothing to do: the session is the sign of life."""

    def release(self) -> None:
        self._session.close()


class RowLock:
    def __init__(self) -> None:
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4()}"
        self._last_beat = 0.0

    def take(self) -> bool:
        with transaction.atomic():  # IMMEDIATE: nobody else looks meanwhile
            held_by = SyncLock.objects.filter(pk=THE_ROW).first()
            if held_by and is_alive(held_by):
                return False
            SyncLock(pk=THE_ROW, holder=self._holder, beat_at=timezone.now()).save()
        return True

    def beat(self) -> None:
        if time.monotonic() - self._last_beat >= BEATS_EVERY:
            self._last_beat = time.monotonic()
            SyncLock.objects.filter(pk=THE_ROW, holder=self._holder).update(beat_at=timezone.now())

    def release(self) -> None:
        SyncLock.objects.filter(pk=THE_ROW, holder=self._holder).delete()


def is_alive(lock: SyncLock) -> bool:
    """A holder that was killed on this machine is known at once, any other by its silence."""
    host, process, _ = lock.holder.split("/", 2)
    if host == socket.gethostname() and not runs(int(process)):
        return False
    return lock.beat_at > timezone.now() - DEAD_AFTER


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
