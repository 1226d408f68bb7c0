"""Everything that the ledger keeps of one person."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from history.models import ChatUser, Conversation, Erasure, Message, Upload
from tenants.models import System


@dataclass(frozen=True, slots=True)
class Person:
    system: System
    user_id: str

    @property
    def turns(self) -> QuerySet[Message]:
        return Message.objects.filter(**self._theirs)

    @property
    def conversations(self) -> QuerySet[Conversation]:
        return Conversation.objects.filter(**self._theirs)

    @property
    def uploads(self) -> QuerySet[Upload]:
        return Upload.objects.filter(**self._theirs)

    @property
    def chat_users(self) -> QuerySet[ChatUser]:
        """One, or none."""
        return ChatUser.objects.filter(**self._theirs)

    @property
    def erasures(self) -> QuerySet[Erasure]:
        return Erasure.objects.filter(**self._theirs)

    @property
    def is_known(self) -> bool:
        return any(found.exists() for found in (self.chat_users, self.conversations, self.turns, self.uploads))

    @property
    def _theirs(self) -> dict[str, Any]:
        return {"system_id": self.system.pk, "user_id": self.user_id}
