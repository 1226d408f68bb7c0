"""What was said, written straight into the ledger."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from history.models import Conversation, Message
from tenants.models import System

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def talked(
    system: System, user_id: str, *turns: dict[str, Any], name: str = "", at: datetime = NOON, **fields: Any
) -> Conversation:
    """A conversation that began at `at`, its turns a minute apart; each turn says what is special about it."""
    conversation = Conversation.objects.create(
        system=system,
        user_id=user_id,
        conversation_id=str(uuid.uuid4()),
        name=name,
        created_at=at,
        updated_at=at + timedelta(minutes=max(0, len(turns) - 1)),
        **fields,
    )
    for number, special in enumerate(turns):
        asked(system, user_id, conversation=conversation, at=at + timedelta(minutes=number), **special)
    return conversation


def asked(system: System, user_id: str, at: datetime = NOON, **special: Any) -> Message:
    """One turn; without a `conversation` it never reached one."""
    message_id = str(uuid.uuid4()) if special.get("conversation") else None
    usual = {"query": "Hello", "answer": "Hello to you", "status": "answered", "message_id": message_id}
    return Message.objects.create(system=system, user_id=user_id, created_at=at, **{**usual, **special})
