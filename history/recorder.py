"""Writes a turn to the ledger while it happens: before Dify is asked, at growing intervals, and at its end.

Each function is as few statements as it takes, with nothing read before it is written.
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from cachetools import TTLCache
from django.db import connections, transaction
from django.utils import timezone

from dify.reply import Reply
from history.models import ChatUser, Conversation, Message, Upload
from history.ownership import owned
from tenants.caller import Caller

SEEN_IS_NOTED_EVERY = 60  # seconds
MAX_MODEL = 100  # characters, as its column
_seen: TTLCache[tuple[str, str], bool] = TTLCache(maxsize=50_000, ttl=SEEN_IS_NOTED_EVERY)


def open_turn(caller: Caller, query: str, conversation: Conversation | None, files: list[Any]) -> Message:
    """From here on nothing the user said can be lost."""
    note_seen(caller)
    return Message.objects.create(
        system_id=caller.system.system_id,
        user_id=caller.user_id,
        conversation=conversation,
        query=query,
        files=files,
        created_at=timezone.now(),
    )


def keep_partial(turn: Message, reply: Reply) -> None:
    """What has come so far, with the ids Dify gave it: survives a crash, and another process can find the task."""
    with transaction.atomic():
        if not Message.objects.filter(pk=turn.pk).update(**progress(turn, reply)):
            bring_nothing_back()


def finish_turn(turn: Message, reply: Reply, status: str, error_code: str, latency_ms: int) -> None:
    """Settles the row. A turn that its user stopped stays stopped, whichever process heard of it."""
    row = Message.objects.filter(pk=turn.pk)
    with transaction.atomic():
        written = progress(turn, reply) | usage(reply.metadata) | {"latency_ms": latency_ms, "archived_at": None}
        if reply.model:
            written["model"] = storable(reply.model)[:MAX_MODEL]
        if citations := reply.metadata.get("retriever_resources"):
            written["citations"] = citations
        settled = {"status": status, "error_code": error_code}
        if not row.filter(status=Message.Status.PENDING).update(**written, **settled) and not row.update(**written):
            bring_nothing_back()


def bring_nothing_back() -> None:
    """The row was erased while its turn ran, so the conversation, which was written just before it, is not wanted."""
    transaction.set_rollback(True)


def progress(turn: Message, reply: Reply) -> dict[str, Any]:
    written: dict[str, Any] = {"answer": storable(reply.answer)}
    if reply.named:
        written |= {
            "conversation": conversation_of(turn, reply.conversation_id),
            "message_id": reply.message_id,
            "task_id": reply.task_id,
        }
    return written


def conversation_of(turn: Message, conversation_id: str) -> Conversation:
    now = timezone.now()
    made = Conversation(
        system_id=turn.system_id,
        user_id=turn.user_id,
        conversation_id=conversation_id,
        created_at=turn.created_at,
        updated_at=now,
    )
    return upserted([made], update=["updated_at"])[0]


def upserted(conversations: list[Conversation], update: list[str]) -> list[Conversation]:
    return Conversation.objects.bulk_create(
        conversations, update_conflicts=True, unique_fields=["system", "conversation_id"], update_fields=update
    )


def usage(metadata: dict[str, Any]) -> dict[str, Any]:
    """Tokens, price and currency of a `message_end`, as far as they make sense."""
    found = metadata.get("usage")
    if not isinstance(found, dict):
        return {}
    tokens = found.get("total_tokens")
    return {
        "tokens": tokens if isinstance(tokens, int) and 0 <= tokens < 2**31 else None,
        "price": price(found.get("total_price")),
        "currency": str(found.get("currency") or "")[:8],
    }


def price(value: Any) -> Decimal | None:
    """Dify writes prices as text, such as "0.0000031" or "0E-7"."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < 10**10 else None


def storable(text: str) -> str:
    """PostgreSQL refuses NUL in text."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def note_stopped(turn: Message) -> None:
    Message.objects.filter(pk=turn.pk, status=Message.Status.PENDING).update(status=Message.Status.STOPPED)


def take_back_stop(turn: Message) -> None:
    """Dify could not be told, so the turn runs on."""
    still_running = Message.objects.filter(pk=turn.pk, status=Message.Status.STOPPED, latency_ms=None)
    still_running.update(status=Message.Status.PENDING)


def is_stopped(turn: Message) -> bool:
    return Message.objects.filter(pk=turn.pk, status=Message.Status.STOPPED).exists()


def note_seen(caller: Caller) -> None:
    """Whom a sync should visit. At most one write a minute for each user and process."""
    who = (caller.system.system_id, caller.user_id)
    if who in _seen:
        return
    now = timezone.now()
    ChatUser.objects.bulk_create(
        [ChatUser(system_id=who[0], user_id=who[1], first_seen_at=now, last_seen_at=now)],
        update_conflicts=True,
        unique_fields=["system", "user_id"],
        update_fields=["last_seen_at"],
    )
    _seen[who] = True


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=timezone.get_default_timezone())


def note_renamed(caller: Caller, conversation_id: str, name: str) -> None:
    owned(caller).filter(conversation_id=conversation_id).update(name=storable(name), updated_at=timezone.now())


def note_deleted(caller: Caller, conversation_id: str) -> None:
    owned(caller).filter(conversation_id=conversation_id, deleted_at=None).update(deleted_at=timezone.now())


def note_rated(caller: Caller, message_id: str, rating: str | None) -> None:
    Message.objects.filter(system_id=caller.system.system_id, user_id=caller.user_id, message_id=message_id).update(
        feedback=rating or "", archived_at=None
    )


def note_uploaded(caller: Caller, file_id: str) -> None:
    Upload.objects.create(system_id=caller.system.system_id, user_id=caller.user_id, file_id=file_id)


def let_go_of_database() -> None:
    """Gives the connection back before a wait: a thousand waiting chats must not hold a thousand connections."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def forget_seen() -> None:
    _seen.clear()
