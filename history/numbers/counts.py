"""The statements: what was said in a period and in the one before, added up by system and bar.

Each reads the period once. They are run for every time zone that the wanted systems are in, mostly one.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Case, Count, F, Func, IntegerField, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from history.conditions import RATED, UNANSWERED
from history.models import Message
from history.numbers.local import Day, HourOfWeek, Week
from history.numbers.period import Period

Status = Message.Status
Bucket = date | None  # None: the whole period before

USED = """
WITH used (system_id, user_id, currency, bucket, messages, tokens, price) AS ({grouped})
SELECT 'bar', system_id, bucket, '', COUNT(DISTINCT user_id), SUM(messages), SUM(tokens), 0 FROM used GROUP BY 2, 3
UNION ALL
SELECT 'all', system_id, NULL, '', COUNT(DISTINCT user_id), 0, 0, 0 FROM used WHERE bucket IS NOT NULL GROUP BY 2
UNION ALL
SELECT 'cost', system_id, bucket, currency, 0, 0, 0, SUM(price) FROM used
WHERE price IS NOT NULL GROUP BY 2, 3, 4
"""


# Every user of every day has a row of their own for a moment: they fit into this, and not into the usual 4 MB.
ROOM_TO_COUNT = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off"


class Used(NamedTuple):
    kind: str  # bar, all: users of the whole period, who come on many days; cost: of a currency
    system_id: str
    bucket: Bucket
    currency: str
    users: int
    messages: int
    tokens: int
    price: Decimal


class Ended(NamedTuple):
    """Turns that have no answer, or not the whole of it."""

    system_id: str
    bucket: Bucket
    status: str
    error_code: str
    turns: int


class Rated(NamedTuple):
    system_id: str
    bucket: Bucket
    feedback: str
    turns: int


class Took(NamedTuple):
    system_id: str
    bucket: Bucket
    milliseconds: int
    turns: int


class ThreeDigits(Func):
    """As many as are shown: so few different numbers are left that to count them is to know every percentile."""

    template = (
        "CASE WHEN %(expressions)s < 1000 THEN %(expressions)s "
        "WHEN %(expressions)s < 10000 THEN %(expressions)s / 10 * 10 "
        "WHEN %(expressions)s < 100000 THEN %(expressions)s / 100 * 100 ELSE %(expressions)s / 1000 * 1000 END"
    )
    output_field = IntegerField()


def used(systems: Iterable[str], period: Period) -> Iterator[Used]:
    rows = said(systems, period).values("system_id", "user_id", "currency", "bucket")
    grouped, values = (
        rows.annotate(messages=Count("*"), used_tokens=Coalesce(Sum("tokens"), 0), paid=Sum("price"))
        .order_by()
        .query.sql_with_params()
    )
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(ROOM_TO_COUNT)
        cursor.execute(USED.format(grouped=grouped), values)
        found = cursor.fetchall()
    for kind, system_id, bucket, currency, users, messages, tokens, price in found:
        numbers = (int(users), int(messages), int(tokens), Decimal(str(price)))
        yield Used(kind, system_id, day_of(bucket), currency, *numbers)


def ended(systems: Iterable[str], period: Period) -> Iterator[Ended]:
    rows = said(systems, period).filter(UNANSWERED)
    return counted(Ended, rows, "status", "error_code")


def rated(systems: Iterable[str], period: Period) -> Iterator[Rated]:
    return counted(Rated, said(systems, period).filter(RATED), "feedback")


def took(systems: Iterable[str], period: Period) -> Iterator[Took]:
    """How long whole answers took; a failure is quick or slow for reasons of its own."""
    rows = said(systems, period).filter(status=Status.ANSWERED, latency_ms__isnull=False)
    return counted(Took, rows.annotate(milliseconds=ThreeDigits(F("latency_ms"))), "milliseconds")


def by_hour(systems: Iterable[str], period: Period) -> dict[int, int]:
    """Messages in each hour of the week that has any."""
    within = Message.objects.filter(system_id__in=systems, created_at__gte=period.begin, created_at__lt=period.end)
    found = within.values_list(HourOfWeek(period)).annotate(turns=Count("*")).order_by()
    return {int(hour): turns for hour, turns in found}


def said(systems: Iterable[str], period: Period) -> QuerySet[Any]:
    """What was said in the period and in the one before it, with its bar."""
    begin, end = period.before.begin, period.end
    within = Message.objects.filter(system_id__in=systems, created_at__gte=begin, created_at__lt=end)
    bar = Week(period) if period.by_week else Day(period)
    return within.annotate(bucket=Case(When(created_at__gte=period.begin, then=bar)))


def counted(kind: Any, rows: QuerySet[Any], *columns: str) -> Iterator[Any]:
    found = rows.values("system_id", "bucket", *columns).annotate(turns=Count("*")).order_by()
    for row in found.iterator():
        yield kind(**row | {"bucket": day_of(row["bucket"])})


def day_of(bucket: Any) -> Bucket:
    return date.fromisoformat(str(bucket)) if bucket else None
