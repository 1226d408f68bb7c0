"""Days, weeks and hours of a time zone, as expressions that both databases work out by themselves.

Django's own would call Python for every row of an SQLite table, which takes many times as long.
"""

from typing import Any

from django.db.models import Func, IntegerField, TextField

from history.numbers.period import Period


class Local(Func):
    """`created_at` as a clock in the period's zone showed it. The subclasses say which part of it."""

    postgresql = sqlite = ""

    def __init__(self, period: Period, **extra: Any) -> None:
        super().__init__("created_at", **extra)
        self.period = period

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, list[Any]]:
        column, _ = compiler.compile(self.source_expressions[0])
        parts = self.postgresql.count("{local}")
        return self.postgresql.format(local=f"({column} AT TIME ZONE %s)"), [str(self.period.tz)] * parts

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        column, _ = compiler.compile(self.source_expressions[0])
        # Without its fraction of a second, which SQLite would round up, into the next day even.
        return self.sqlite.format(local=f"substr({column}, 1, 19), {shift(column, self.period)}"), ()


class Day(Local):
    postgresql = "{local}::date"
    sqlite = "date({local})"
    output_field = TextField()


class Week(Local):
    """Its Monday."""

    postgresql = "date_trunc('week', {local})::date"
    sqlite = "date({local}, 'weekday 0', '-6 days')"
    output_field = TextField()


class HourOfWeek(Local):
    """0 is the hour after Monday's midnight, 167 the last one of Sunday."""

    postgresql = "((extract(isodow from {local})::int - 1) * 24 + extract(hour from {local})::int)"
    sqlite = "((strftime('%%w', {local}) + 6) %% 7 * 24 + strftime('%%H', {local}))"
    output_field = IntegerField()


def shift(column: str, period: Period) -> str:
    """SQLite's modifier that turns UTC into the zone's time. It has no time zones of its own."""
    (_, first), *later = period.offsets()
    if not later:
        return f"'{first} seconds'"
    cases = "".join(
        f" WHEN {column} >= '{at:%Y-%m-%d %H:%M:%S}' THEN '{seconds} seconds'" for at, seconds in later[::-1]
    )
    return f"CASE{cases} ELSE '{first} seconds' END"
