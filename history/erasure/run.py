"""One person's erasure, here and in Dify, with its receipt. It can be run again until nothing is left.

The receipt is written before anything is deleted, with the ids of the conversations that Dify has to delete: a run
that is killed, or that finds Dify down, leaves the next one what it needs, and nothing that was said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from dify.client import DifyClient
from history import recorder
from history.counts import number_of
from history.erasure import running
from history.erasure.here import Removal, elsewhere
from history.erasure.upstream import BEYOND_REACH, Deletion
from history.models import Erasure
from history.person import Person
from history.sync import lock
from history.sync.lock import Lock
from tenants.caller import Caller
from tenants.dify_app import client_of
from tenants.errors import NotConfigured


class Unknown(Exception):
    """Nobody of this name was ever here."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an erasure would delete."""

    here: dict[str, int]
    conversation_ids: list[str]  # in Dify
    problems: list[str]


def erased(person: Person, asked_by: str, *, wait_seconds: float) -> Erasure:
    """The receipt. Raises Unknown, or Locked if a sync runs for longer than one may wait.

    A sync would bring back what is being deleted, so there is none meanwhile.
    """
    if not is_known(person):
        raise Unknown
    with lock.held(wait_seconds) as held:
        receipt = Erasure(system=person.system, user_id=person.user_id, asked_by=asked_by, begun_at=timezone.now())
        to_delete = conversation_ids(person)
        receipt.report = {"complete": False, "to_delete": to_delete}
        receipt.save()
        report = carried_out(person, to_delete, held)
        recorder.forget_seen()  # so that whoever comes back is known again
        Erasure.objects.filter(pk=receipt.pk).update(report=report, ended_at=timezone.now())
    receipt.refresh_from_db()
    return receipt


def carried_out(person: Person, to_delete: list[str], held: Lock) -> dict[str, Any]:
    """The report."""
    client, problems = client_or_why(person)
    if left := running.quieted(person, client, held):
        problems.append(f"{number_of('turns', left)} still running, which may leave something in Dify.")
    here = Removal(person)
    for _ in here.run():
        held.beat()
    dify = {"deleted": [], "already_gone": [], "left": [{"id": it, "reason": NOT_ASKED} for it in to_delete]}
    if client:
        deletion = Deletion(client, caller_of(person), held)
        deletion.run(to_delete)
        dify = as_json(deletion)
        problems += deletion.problems
    problems += here.problems
    complete = not problems and not dify["left"]
    return {
        "complete": complete,
        "here": dict(here.removed),
        "dify": dify,
        "dify_cannot_delete": list(BEYOND_REACH),
        "problems": problems,
    }


NOT_ASKED = "Dify was not asked."


def as_json(deletion: Deletion) -> dict[str, Any]:
    return {
        "deleted": deletion.deleted,
        "already_gone": deletion.already_gone,
        "left": [{"id": left, "reason": reason} for left, reason in deletion.left.items()],
    }


def outlook(person: Person) -> Outlook:
    """Raises Unknown."""
    if not is_known(person):
        raise Unknown
    client, problems = client_or_why(person)
    here, ids = Removal(person).would_remove(), conversation_ids(person)
    if client:
        asked = Deletion(client, caller_of(person), NoLock())
        ids, problems = union(ids, asked.listed()), [*problems, *asked.problems]
    return Outlook({what: number for what, number in here.items() if number}, ids, problems)


class NoLock:
    def beat(self) -> None:
        """Looking needs no lock."""


def is_known(person: Person) -> bool:
    """Here, in another room, or by a receipt: what was left then can still be erased."""
    return person.is_known or person.erasures.exists() or any(elsewhere(person).values())


def conversation_ids(person: Person) -> list[str]:
    """Of the ledger, and what earlier erasures had to leave in Dify."""
    here = person.conversations.order_by("pk").values_list("conversation_id", flat=True)
    left: list[str] = []
    for receipt in person.erasures.order_by("pk"):
        left = [] if receipt.report.get("complete") else [*left, *left_by(receipt)]
    return union(here, left)


def left_by(receipt: Erasure) -> list[str]:
    interrupted: list[str] = receipt.report.get("to_delete", [])
    return interrupted + [row["id"] for row in receipt.report.get("dify", {}).get("left", [])]


def union(*several: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one for ids in several for one in ids))


def client_or_why(person: Person) -> tuple[DifyClient | None, list[str]]:
    try:
        return client_of(person.system), []
    except NotConfigured as error:
        return None, [f"Dify was not asked: {error.detail}"]


def caller_of(person: Person) -> Caller:
    return Caller(person.system, person.user_id)
