"""The two lists from the ledger, for the time when Dify is down."""

from typing import Any

from django.db.models import Q
from rest_framework.exceptions import NotFound

from dify.errors import DifyBroken, DifyError, DifyRefused, DifyTimeout, DifyUnreachable
from history import turns
from history.models import Conversation, Message
from history.ownership import owned
from tenants.caller import Caller


def serves(error: DifyError) -> bool:
    """Down is: unreachable, too slow, or answering nonsense or 5xx. A clear no from Dify is not."""
    if isinstance(error, DifyRefused):
        return error.status >= 500
    return isinstance(error, DifyUnreachable | DifyTimeout | DifyBroken)


def conversations(caller: Caller, limit: int, last_id: str) -> tuple[list[dict[str, Any]], bool]:
    """Newest first, after `last_id`; and whether there are more. Raises NotFound for an unknown last_id."""
    mine = owned(caller).filter(deleted_at=None).order_by("-updated_at", "-id")
    if last_id:
        last = mine.filter(conversation_id=last_id).first()
        if last is None:
            raise NotFound
        mine = mine.filter(Q(updated_at__lt=last.updated_at) | Q(updated_at=last.updated_at, id__lt=last.pk))
    found = list(mine[: limit + 1])
    return [shown(row) for row in found[:limit]], len(found) > limit


def shown(row: Conversation) -> dict[str, Any]:
    return {
        "id": row.conversation_id,
        "name": row.name,
        "created_at": int(row.created_at.timestamp()),
        "updated_at": int(row.updated_at.timestamp()),
    }


def messages(caller: Caller, conversation_id: str, limit: int, first_id: str) -> tuple[list[turns.Turn], bool]:
    """The newest page, or the one before `first_id`, oldest first; and whether there are older ones.

    Raises NotFound for an unknown conversation or first_id.
    """
    conversation = owned(caller).filter(conversation_id=conversation_id, deleted_at=None).first()
    if conversation is None:
        raise NotFound
    said = Message.objects.filter(conversation=conversation).order_by("-created_at", "-id")
    if first_id:
        first = said.filter(message_id=first_id).first()
        if first is None:
            raise NotFound
        said = said.filter(Q(created_at__lt=first.created_at) | Q(created_at=first.created_at, id__lt=first.pk))
    found = list(said[: limit + 1])
    return [turns.of_ledger(entry, conversation_id) for entry in reversed(found[:limit])], len(found) > limit
