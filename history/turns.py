"""One turn as the API shows it: two messages, the user's and the assistant's."""

from typing import Any

from history.models import Message
from tenants.caller import Caller

Turn = dict[str, Any]


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
    }


def as_two(turn: Turn) -> list[dict[str, Any]]:
    """The user's half carries the files, the assistant's the feedback, the citations and how it ended."""
    both = {name: turn[name] for name in ("message_id", "conversation_id", "created_at")}
    message_id = turn["message_id"]
    question = {"id": f"{message_id}_user", **both, "role": "user", "content": turn["query"], "status": "answered"}
    answer = {"id": f"{message_id}_assistant", **both, "role": "assistant", "content": turn["answer"]}
    return [
        question | {"feedback": None, "files": turn["files"], "citations": []},
        answer | {name: turn[name] for name in ("status", "feedback", "citations")} | {"files": []},
    ]


def better_answers(caller: Caller, turns: list[Turn]) -> list[Turn]:
    """Dify's turns, with the ledger's answer where Dify kept none, as it does when its caller hung up."""
    empty = [turn["message_id"] for turn in turns if not turn["answer"]]
    if not empty:
        return turns
    kept = Message.objects.filter(
        system_id=caller.system.system_id, user_id=caller.user_id, message_id__in=empty
    ).values_list("message_id", "answer", "status")
    ours = {message_id: {"answer": answer, "status": status} for message_id, answer, status in kept}
    return [turn | ours.get(turn["message_id"], {}) for turn in turns]
