"""A person's turns that still run: they are stopped, and awaited for a while, before anything is erased."""

import time

from django.db.models import QuerySet
from django.utils import timezone

from dify.client import DifyClient
from dify.errors import DifyError
from history import recorder
from history.models import Message
from history.person import Person
from history.sync.lock import Lock
from history.turns import longest_turn
from tenants.caller import Caller

PATIENCE = 15.0  # seconds
LOOKS_EVERY = 0.2  # seconds


def quieted(person: Person, client: DifyClient | None, lock: Lock, patience: float = PATIENCE) -> int:
    """How many still run after that."""
    stop(person, client)
    deadline = time.monotonic() + patience
    while (left := running(person).count()) and time.monotonic() < deadline:
        recorder.let_go_of_database()
        lock.beat()
        time.sleep(LOOKS_EVERY)
    return left


def stop(person: Person, client: DifyClient | None) -> None:
    if client is None:
        return
    tasks = list(running(person).exclude(task_id="").values_list("task_id", flat=True))
    recorder.let_go_of_database()
    for task_id in tasks:
        try:
            client.stop(task_id, Caller(person.system, person.user_id).dify_user)
        except DifyError:
            return  # then it is awaited


def running(person: Person) -> QuerySet[Message]:
    """Also what its user has stopped, until its end was written down."""
    since = timezone.now() - longest_turn()
    unfinished = (Message.Status.PENDING, Message.Status.STOPPED)
    return person.turns.filter(status__in=unfinished, latency_ms=None, created_at__gte=since)
