"""What the stand-in remembers: conversations, messages, uploads. In memory, gone when it stops.

Times are whole seconds, as in Dify's tables, and paging compares them strictly: rows that share a second with the
last row of a page are lost between two pages, here as there.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, TypeVar

SORTS = ("created_at", "-created_at", "updated_at", "-updated_at")
Rating = Literal["like", "dislike"]


@dataclass(slots=True, eq=False)
class Conversation:
    id: str
    app_id: str
    user: str
    inputs: dict[str, Any]
    created_at: int
    updated_at: int
    number: int  # orders rows of the same second
    name: str = "New conversation"
    messages: list["Message"] = field(default_factory=list, repr=False)


@dataclass(slots=True, eq=False)
class Message:
    id: str
    conversation: Conversation
    query: str
    created_at: int
    answer: str = ""  # empty until the turn is over, and for good if the caller leaves before
    status: str = "normal"
    error: str | None = None
    rating: Rating | None = None
    sources: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    thoughts: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Upload:
    id: str
    name: str
    size: int
    mime_type: str
    created_by: str
    created_at: int

    @property
    def extension(self) -> str:
        return self.name.rpartition(".")[2].lower() if "." in self.name else ""


Row = TypeVar("Row", Conversation, Message)


class Store:
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.conversations: dict[str, Conversation] = {}
        self.messages: dict[str, Message] = {}
        self.uploads: dict[str, Upload] = {}
        self.by_owner: dict[tuple[str, str], dict[str, Conversation]] = {}
        self.numbers = count()

    def now(self) -> int:
        return int(self.clock())

    # Conversations --------------------------------------------------------------------------------------------

    def add_conversation(
        self, app_id: str, user: str, inputs: dict[str, Any] | None = None, *, id: str = "", created_at: int = 0
    ) -> Conversation:
        at = created_at or self.now()
        new = Conversation(id or str(uuid.uuid4()), app_id, user, inputs or {}, at, at, next(self.numbers))
        self.conversations[new.id] = new
        self.by_owner.setdefault((app_id, user), {})[new.id] = new
        return new

    def conversation(self, app_id: str, user: str, id: str) -> Conversation | None:
        """The user's own, or nothing."""
        return self.by_owner.get((app_id, user), {}).get(id)

    def rename(self, conversation: Conversation, name: str) -> None:
        conversation.name = name
        conversation.updated_at = self.now()

    def delete(self, conversation: Conversation) -> None:
        self.conversations.pop(conversation.id, None)
        self.by_owner[conversation.app_id, conversation.user].pop(conversation.id, None)
        for message in conversation.messages:
            self.messages.pop(message.id, None)

    def conversation_page(
        self, app_id: str, user: str, *, sort_by: str, after: Conversation | None, limit: int
    ) -> tuple[list[Conversation], bool]:
        down, column = sort_by.startswith("-"), sort_by.lstrip("-")
        rows: Sequence[Conversation] = list(self.by_owner.get((app_id, user), {}).values())
        rows = sorted(rows, key=lambda row: (getattr(row, column), row.number), reverse=down)
        page = beyond(rows, after, column, down)[:limit]
        return page, bool(page) and bool(beyond(rows, page[-1], column, down)) and len(page) == limit

    # Messages -------------------------------------------------------------------------------------------------

    def add_message(
        self, conversation: Conversation, query: str, answer: str = "", *, id: str = "", created_at: int = 0
    ) -> Message:
        at = created_at or self.now()
        new = Message(id or str(uuid.uuid4()), conversation, query, at, answer)
        conversation.messages.append(new)
        conversation.updated_at = max(conversation.updated_at, at)
        self.messages[new.id] = new
        return new

    def message(self, app_id: str, user: str, id: str) -> Message | None:
        found = self.messages.get(id)
        if found and (found.conversation.app_id, found.conversation.user) == (app_id, user):
            return found
        return None

    def message_page(
        self, conversation: Conversation, *, before: Message | None, limit: int
    ) -> tuple[list[Message], bool]:
        """The newest messages, or those older than `before`; oldest first inside the page."""
        rows = sorted(conversation.messages, key=lambda row: row.created_at)[::-1]
        page = beyond(rows, before, "created_at", down=True)[:limit]
        more = len(page) == limit and bool(beyond(rows, page[-1], "created_at", down=True))
        return page[::-1], more

    # Uploads --------------------------------------------------------------------------------------------------

    def add_upload(self, name: str, size: int, mime_type: str, created_by: str, *, id: str = "") -> Upload:
        new = Upload(id or str(uuid.uuid4()), name, size, mime_type, created_by, self.now())
        self.uploads[new.id] = new
        return new


def beyond(rows: Iterable[Row], last: Row | None, column: str, down: bool) -> list[Row]:
    """The rows strictly after `last` in this order; a tie with it counts as seen."""
    if last is None:
        return list(rows)
    edge = getattr(last, column)
    if down:
        return [row for row in rows if getattr(row, column) < edge]
    return [row for row in rows if getattr(row, column) > edge]
