"""Whose conversation, running turn or file it is. Somebody else's looks the same as none: 404."""

import uuid
from collections.abc import Iterable

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound

from history.models import Conversation, Message, Upload
from tenants.caller import Caller


def valid_id(text: str) -> str:
    """Dify's ids are UUIDs, and it answers anything else with HTML. Raises NotFound."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound from None


def owned(caller: Caller) -> QuerySet[Conversation]:
    return Conversation.objects.filter(system_id=caller.system.system_id, user_id=caller.user_id)


def known_conversation(caller: Caller, conversation_id: str) -> Conversation | None:
    """The caller's conversation, or None if the ledger has not heard of it.

    Raises NotFound if it is another user's or deleted.
    """
    found = Conversation.objects.filter(
        system_id=caller.system.system_id, conversation_id=valid_id(conversation_id)
    ).first()
    if found and (found.user_id != caller.user_id or found.deleted_at):
        raise NotFound
    return found


def running_turn(caller: Caller, task_id: str) -> Message:
    """Raises NotFound."""
    found = Message.objects.filter(
        system_id=caller.system.system_id, user_id=caller.user_id, task_id=valid_id(task_id), latency_ms=None
    ).first()
    if found is None:
        raise NotFound
    return found


def check_uploads(caller: Caller, file_ids: Iterable[str]) -> None:
    """Raises NotFound unless every file was uploaded by the caller."""
    wanted = {valid_id(file_id) for file_id in file_ids}
    if not wanted:
        return
    mine = Upload.objects.filter(system_id=caller.system.system_id, user_id=caller.user_id, file_id__in=wanted)
    if mine.count() != len(wanted):
        raise NotFound("There is no such file.")
