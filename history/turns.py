"""One turn as the API shows it: two messages, the user's and the assistant's."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from history.models import Message
from tenants.caller import Caller

Turn = dict[str, Any]

MARGIN = 60  # seconds, for what surrounds a turn's wait for Dify
CLOCKS_DIFFER_BY = 120  # seconds, between Dify and the gateway


def longest_turn() -> timedelta:
    """A row that has been pending for longer than this was left by a crash."""
    return timedelta(seconds=settings.DIFY_TOTAL_TIMEOUT + MARGIN)


def of_ledger(entry: Message, conversation_id: str) -> Turn:
    return {
        "message_id": entry.message_id or "",
        "conversation_id": conversation_id,
        "query": entry.query,
        "answer": entry.answer,
        "created_at": int(entry.created_at.timestamp()),
        "status": entry.status,
        "feedback": entry.feedback or None,
        "files": entry.files,
        "citations": entry.citations,
        "task_id": running_task(entry),
    }


def as_two(turn: Turn) -> list[dict[str, Any]]:
    """The user's half carries the files, the assistant's the feedback, the citations and how it ended.

    A turn that Dify has not named yet has no message_id; it is the one called `pending`.
    """
    both = {name: turn[name] for name in ("message_id", "conversation_id", "created_at")}
    message_id = turn["message_id"] or "pending"
    question = {"id": f"{message_id}_user", **both, "role": "user", "content": turn["query"], "status": "answered"}
    answer = {"id": f"{message_id}_assistant", **both, "role": "assistant", "content": turn["answer"]}
    return [
        question | {"feedback": None, "files": turn["files"], "citations": [], "task_id": ""},
        answer | {name: turn[name] for name in ("status", "feedback", "citations", "task_id")} | {"files": []},
    ]


def with_running(caller: Caller, conversation_id: str, turns: list[Turn], since: datetime) -> list[Turn]:
    """Dify's newest turns, with those marked that still run, and after them those that Dify does not list yet.

    Nothing that began before `since` still runs: it was left by a crash, and waits for a sync to settle it.
    """
    here = Q(conversation__conversation_id=conversation_id) | Q(conversation=None)
    running = Message.objects.filter(
        here,
        system_id=caller.system.system_id,
        user_id=caller.user_id,
        status=Message.Status.PENDING,
        created_at__gte=since,
    )
    listed = {turn["message_id"] for turn in turns}
    entries = [entry for entry in running.order_by("created_at", "id") if entry.message_id not in listed]
    marked = [turn | taken_from(entries, turn) for turn in turns]
    return marked + [of_ledger(entry, conversation_id) for entry in entries if entry.conversation_id]


def taken_from(entries: list[Message], turn: Turn) -> Turn:
    """How a turn without an answer stands, if one of the running entries is its; that entry is taken out.

    Dify lists a question at once, but names it to its caller only with the first word of the answer. Until then the
    entry is known by what was asked.
    """
    for entry in entries:
        if entry.message_id is None and is_waiting(turn) and asks(entry, turn):
            entries.remove(entry)
            return {"status": entry.status}
    return {}


def is_waiting(turn: Turn) -> bool:
    return turn["status"] == Message.Status.ANSWERED and not turn["answer"]


def asks(entry: Message, turn: Turn) -> bool:
    earliest = entry.created_at.timestamp() - CLOCKS_DIFFER_BY
    return bool(entry.query == turn["query"] and turn["created_at"] >= earliest)


def better_answers(caller: Caller, turns: list[Turn], since: datetime) -> list[Turn]:
    """Dify's turns, with what only the ledger knows: the answer where Dify has none, and that one was stopped.

    Dify has no answer while it runs, nor ever if its caller hung up.
    """
    listed = {turn["message_id"]: bool(turn["answer"]) for turn in turns}
    empty = [message_id for message_id, answered in listed.items() if not answered]
    kept = Message.objects.filter(
        Q(message_id__in=empty) | Q(message_id__in=listed, status=Message.Status.STOPPED),
        system_id=caller.system.system_id,
        user_id=caller.user_id,
    )
    ours = {
        entry.message_id: {"status": entry.status} if listed[entry.message_id or ""] else kept_answer(entry, since)
        for entry in kept
    }
    return [turn | ours.get(turn["message_id"], {}) for turn in turns]


def kept_answer(entry: Message, since: datetime) -> Turn:
    left_by_crash = entry.status == Message.Status.PENDING and entry.created_at < since
    status = Message.Status.FAILED if left_by_crash else entry.status
    return {"answer": entry.answer, "status": status, "task_id": running_task(entry)}


def running_task(entry: Message) -> str:
    """What stops it; empty once it has ended, or before Dify named it."""
    return entry.task_id if entry.status == Message.Status.PENDING else ""
