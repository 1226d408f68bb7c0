"""Which conversations and turns are wanted: one filter for the Cache API, the /cache page and its exports."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.db.models import Q, QuerySet

from history.conditions import SELDOM, of_feedback, of_status
from history.models import Conversation, Message
from history.search import lookup
from history.search.turns import Turns
from history.search.words import words_of
from tenants.models import System

UNRATED = "none"
Part = Callable[[QuerySet[Conversation]], QuerySet[Conversation]]


def whole(rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is not given does not narrow. A day is one of the system's time zone; both days are inclusive.

    Words, status and feedback are a turn's: a conversation is wanted if one and the same of its turns, within the
    period, has all of them. Without them it is wanted if its life, from its first to its last turn, touches the period.
    """

    systems: tuple[System, ...] | None  # None: every system there is
    user_id: str = ""
    from_date: date | None = None
    to_date: date | None = None
    q: str = ""  # words, all of which must occur; see history/search/
    status: str = ""  # one of Message.Status
    feedback: str = ""  # like, dislike, or UNRATED
    deleted: bool = False  # also what was deleted

    @property
    def words(self) -> list[str]:
        return words_of(self.q)

    @property
    def asks_for_turns(self) -> bool:
        return bool(self.status or self.feedback or self.words)

    @property
    def seldom(self) -> bool:
        """Few turns end or are rated like this, and an index has them."""
        return self.status in SELDOM or self.feedback not in ("", UNRATED)


def conversations(wanted: Filter) -> QuerySet[Conversation]:
    """All of them, newest first. For one page see `page`, which is quicker where words are common."""
    if not wanted.asks_for_turns:
        return lives(wanted, whose(wanted))
    rows = lives(wanted, whose(wanted, by_index=True))
    return lookup.with_turn(rows, of_turn(wanted) & lookup.by_index(wanted.words))


def page(wanted: Filter, limit: int, part: Part = whole) -> list[Conversation]:
    """The first `limit` of them, of that part of the list which `part` cuts out, in its order."""
    rows = part(lives(wanted, whose(wanted)))
    if not wanted.asks_for_turns:
        return list(rows[:limit])
    by_id = part(lives(wanted, whose(wanted, by_index=True)))
    return lookup.page(rows, by_id, Turns(wanted.words, of_turn(wanted), wanted.seldom), limit)


def lives(wanted: Filter, theirs: Q) -> QuerySet[Conversation]:
    """Conversations without regard to what was said in them."""
    rows = Conversation.objects.filter(theirs, in_period(wanted, "created_at", "updated_at"))
    return (rows if wanted.deleted else rows.filter(deleted_at=None)).order_by("-updated_at", "-id")


def turns(wanted: Filter) -> QuerySet[Message]:
    """The turns of such conversations that have the words, status and feedback and are of the period.

    They are for reading all of them, in batches by conversation and time. Few are looked for once, and known by their
    ids then. If they are many, each batch reads on in that order: another index would name all of them each time.
    """
    found = Message.objects.filter(of_turn(wanted), conversation__isnull=False)
    if not wanted.deleted:
        found = found.filter(conversation__deleted_at=None)
    few = lookup.few(found.filter(whose(wanted, bool(wanted.words)), lookup.by_index(wanted.words)))
    return found.filter(few or whose(wanted, by_index=True) & lookup.occur(wanted.words))


def unnamed_turns(wanted: Filter) -> QuerySet[Message]:
    """Those that never reached a conversation, because Dify did not take them up; newest first. They are so few that
    they are looked at, whatever is wanted of them."""
    found = Message.objects.filter(whose(wanted, by_index=True), of_turn(wanted), conversation=None)
    return found.filter(lookup.occur(wanted.words)).order_by("-created_at", "-id")


def turns_of(conversation: Conversation, wanted: Filter) -> QuerySet[Message]:
    """The same of one conversation."""
    found = Message.objects.filter(of_turn(wanted), conversation=conversation)
    return found.filter(lookup.occur(wanted.words)).order_by("-created_at", "-id")


def whose(wanted: Filter, by_index: bool = False) -> Q:
    """`by_index`: another index than that of a system's rows is to lead to them."""
    found = Q(user_id=wanted.user_id) if wanted.user_id else Q()
    if wanted.systems is None and not wanted.user_id:
        return found
    # With a user the systems are named even if it is all of them: that is how the index begins.
    named = [system.pk for system in systems_of(wanted)]
    if by_index:
        return found & lookup.of_systems(named)
    return found & (Q(system_id=named[0]) if len(named) == 1 else Q(system_id__in=named))


def systems_of(wanted: Filter) -> Iterable[System]:
    return System.objects.all() if wanted.systems is None else wanted.systems


def of_turn(wanted: Filter) -> Q:
    """What a turn's row says without its words."""
    found = in_period(wanted, "created_at", "created_at")
    if wanted.status:
        found &= of_status(wanted.status)
    if wanted.feedback:
        found &= of_feedback("" if wanted.feedback == UNRATED else wanted.feedback)
    return found


def in_period(wanted: Filter, first: str, last: str) -> Q:
    """What lasted from `first` to `last` touches the period, each system's days being those of its own zone."""
    if not (wanted.from_date or wanted.to_date):
        return Q()
    zones: defaultdict[tzinfo, list[str]] = defaultdict(list)
    for system in systems_of(wanted):
        zones[system.tz].append(system.pk)
    within = {tz: within_days(wanted, tz, first, last) for tz in zones}
    if len(zones) == 1:
        return within.popitem()[1]
    found = Q(pk__in=[])  # of no system: nothing
    for tz, named in zones.items():
        found |= within[tz] & Q(system_id__in=named)
    return found


def within_days(wanted: Filter, tz: tzinfo, first: str, last: str) -> Q:
    found = Q()
    if wanted.from_date and (begin := midnight(wanted.from_date, tz)):
        found &= Q(**{f"{last}__gte": begin})
    if wanted.to_date and (end := midnight(wanted.to_date, tz, days_later=1)):
        found &= Q(**{f"{first}__lt": end})
    return found


def midnight(day: date, tz: tzinfo, days_later: int = 0) -> datetime | None:
    """None at either end of the calendar, where nothing lies beyond."""
    try:
        return datetime.combine(day + timedelta(days=days_later), time.min, tz).astimezone(UTC)
    except OverflowError:
        return None
