"""A page of the list: the conversations that match, newest first, each with what became of its turns."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from rest_framework.exceptions import ValidationError

from history import cursor
from history.filters import Filter, page
from history.models import Conversation, Message
from history.pages.access import Viewer
from history.pages.moments import Moment, moment
from tenants.models import System

PAGE = 50
KIND = "history page"


@dataclass(frozen=True, slots=True)
class Row:
    conversation: Conversation
    system: System
    updated: Moment
    messages: int  # as the API counts them: two a turn
    tags: list[tuple[str, str]]  # a kind for the looks, and words


@dataclass(frozen=True, slots=True)
class Listing:
    rows: list[Row]
    newer: str = ""  # cursors; empty where there is nothing more
    older: str = ""
    lost: bool = False  # the address named a place that is none


def listing(viewer: Viewer, wanted: Filter, after: str, before: str) -> Listing:
    """The page behind `after` or, towards the newer ones, in front of `before`; without either the first one."""
    try:
        conversations, newer, older = towards_newer(wanted, before) if before else towards_older(wanted, after)
    except ValidationError:
        return Listing([], lost=True)
    return Listing(
        rows_of(viewer, conversations),
        newer=written(conversations[0]) if conversations and newer else "",
        older=written(conversations[-1]) if conversations and older else "",
    )


Page = tuple[list[Conversation], bool, bool]  # and whether there are newer and older ones


def towards_older(wanted: Filter, after: str) -> Page:
    place = cursor.read(KIND, after)
    rows = page(wanted, PAGE + 1, lambda found: cursor.after(found, "updated_at", place))
    return rows[:PAGE], place is not None, len(rows) > PAGE


def towards_newer(wanted: Filter, before: str) -> Page:
    place = cursor.read(KIND, before)
    rows = page(wanted, PAGE + 1, lambda found: cursor.before(found, "updated_at", place))
    return rows[:PAGE][::-1], len(rows) > PAGE, True


def written(conversation: Conversation) -> str:
    return cursor.written(KIND, cursor.Position(conversation.updated_at, conversation.pk))


def rows_of(viewer: Viewer, conversations: list[Conversation]) -> list[Row]:
    told = marks([conversation.pk for conversation in conversations])
    systems = {system.system_id: system for system in viewer.systems}
    return [
        Row(
            conversation,
            system := systems.get(conversation.system_id) or conversation.system,
            moment(conversation.updated_at, system.tz),
            2 * told.get(conversation.pk, {}).get("turns", 0),
            tags(conversation, told.get(conversation.pk, {})),
        )
        for conversation in conversations
    ]


def marks(ids: list[int]) -> dict[int, Any]:
    """How many turns each has, and how many of them ended how: one query for the page."""
    counted = (
        Message.objects.filter(conversation__in=ids)
        .values("conversation_id")
        .annotate(
            turns=Count("pk"),
            failed=Count("pk", filter=Q(status=Message.Status.FAILED)),
            stopped=Count("pk", filter=Q(status=Message.Status.STOPPED)),
            pending=Count("pk", filter=Q(status=Message.Status.PENDING)),
            liked=Count("pk", filter=Q(feedback="like")),
            disliked=Count("pk", filter=Q(feedback="dislike")),
        )
    )
    return {row["conversation_id"]: row for row in counted}


def tags(conversation: Conversation, told: dict[str, int]) -> list[tuple[str, str]]:
    found = [("gone", "deleted")] if conversation.deleted_at else []
    kinds = {"failed": "bad", "disliked": "warn", "liked": "good", "stopped": "plain", "pending": "plain"}
    return found + [(kind, counted(told[name], name)) for name, kind in kinds.items() if told.get(name)]


def counted(number: int, name: str) -> str:
    return name if number == 1 else f"{number} {name}"
