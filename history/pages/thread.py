"""The conversation that is open: its turns as they followed each other, a page at a time."""

from dataclasses import dataclass

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from history import cursor
from history.filters import Filter, turns_of, unnamed_turns
from history.models import Conversation, Message
from history.pages.access import Viewer
from history.pages.moments import Moment, moment
from history.pages.turn_view import TurnView, turn_view
from history.recorder import let_go_of_database
from history.search.words import words_of
from tenants.models import System

PAGE = 30  # turns
KIND = "history page turns"
UNNAMED = "unnamed"  # instead of a conversation: the turns that never reached one
MAX_DIGITS = 18  # what a database's whole numbers hold


@dataclass(frozen=True, slots=True)
class Thread:
    turns: list[TurnView]
    conversation: Conversation | None = None
    system: System | None = None
    begun: Moment | None = None
    deleted: Moment | None = None
    earlier: str = ""  # cursors; empty where there is nothing more
    later: str = ""


def found_conversation(viewer: Viewer, number: str) -> Conversation | None:
    """None if there is none, or if it is not theirs to see."""
    if not (number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS):
        return None
    found = Conversation.objects.select_related("system").filter(pk=int(number)).first()
    return found if found and viewer.system(found.system_id) else None


def thread_of(conversation: Conversation, wanted: Filter | None, after: str, before: str) -> Thread:
    """`wanted` is what the list is filtered by: its words are marked; a long conversation opens where it matches."""
    turns = Message.objects.filter(conversation=conversation).order_by("-created_at", "-id")
    found, earlier, later = page_at(turns, after, before) or opening(turns, conversation, wanted)
    matching = matches_among(conversation, wanted, found)
    words = words_of(wanted.q) if wanted else []
    tz = conversation.system.tz
    let_go_of_database()
    return Thread(
        [turn_view(turn, tz, words, matches=turn.pk in matching) for turn in found],
        conversation,
        conversation.system,
        moment(conversation.created_at, tz),
        moment(conversation.deleted_at, tz) if conversation.deleted_at else None,
        *cursors(found, earlier, later),
    )


def unnamed_thread(wanted: Filter, after: str, before: str) -> Thread:
    """The newest of them first of all."""
    turns = unnamed_turns(wanted).select_related("system")
    found, earlier, later = page_at(turns, after, before) or up_to(turns, None)
    words = words_of(wanted.q)
    let_go_of_database()
    views = [turn_view(turn, turn.system.tz, words, whose=f"{turn.user_id}, {turn.system.name}") for turn in found]
    earliest, latest = cursors(found, earlier, later)
    return Thread(views, earlier=earliest, later=latest)


Page = tuple[list[Message], bool, bool]  # and whether there are earlier and later ones


def page_at(turns: QuerySet[Message], after: str, before: str) -> Page | None:
    """None without a place, or with one that is none."""
    try:
        if before:
            return up_to(turns, cursor.read(KIND, before))
        return from_here(turns, cursor.read(KIND, after)) if after else None
    except ValidationError:
        return None


def opening(turns: QuerySet[Message], conversation: Conversation, wanted: Filter | None) -> Page:
    page = from_here(turns, None)
    if not (page[2] and wanted and wanted.asks_for_turns):
        return page
    first = turns_of(conversation, wanted).order_by("created_at", "id").first()
    if first is None or first in page[0]:
        return page
    rest, _, later = from_here(turns, position(first))
    return [first, *rest][:PAGE], True, later or len(rest) == PAGE


def up_to(turns: QuerySet[Message], place: cursor.Position | None) -> Page:
    found = list(cursor.after(turns, "created_at", place)[: PAGE + 1])
    return found[:PAGE][::-1], len(found) > PAGE, place is not None


def from_here(turns: QuerySet[Message], place: cursor.Position | None) -> Page:
    onwards = cursor.before(turns, "created_at", place) if place else turns.order_by("created_at", "id")
    found = list(onwards[: PAGE + 1])
    return found[:PAGE], place is not None, len(found) > PAGE


def cursors(turns: list[Message], earlier: bool, later: bool) -> tuple[str, str]:
    return written(turns[0]) if turns and earlier else "", written(turns[-1]) if turns and later else ""


def position(turn: Message) -> cursor.Position:
    return cursor.Position(turn.created_at, turn.pk)


def written(turn: Message) -> str:
    return cursor.written(KIND, position(turn))


def matches_among(conversation: Conversation, wanted: Filter | None, turns: list[Message]) -> set[int]:
    """Which of them the filter asks for; none where it asks for no turns."""
    if not (wanted and wanted.asks_for_turns):
        return set()
    shown = turns_of(conversation, wanted).filter(pk__in=[turn.pk for turn in turns])
    return set(shown.values_list("pk", flat=True))
