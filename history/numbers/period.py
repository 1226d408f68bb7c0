"""From the first day to the last, both whole, in one time zone; and the period before it, to compare with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MOST_DAYS = 366
BY_WEEK_BEYOND = 92  # days: more bars than that cannot be told apart


@dataclass(frozen=True, slots=True)
class Period:
    first: date
    last: date
    tz: tzinfo

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def by_week(self) -> bool:
        return self.days > BY_WEEK_BEYOND

    @property
    def begin(self) -> datetime:
        return midnight(self.first, self.tz)

    @property
    def end(self) -> datetime:
        """The first moment that does not belong to it."""
        return midnight(self.last + timedelta(days=1), self.tz)

    @property
    def before(self) -> "Period":
        """As many days, which end where this one begins."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.tz)

    @property
    def buckets(self) -> list[date]:
        """The day of every bar; of a week its Monday, also where the period begins later."""
        if not self.by_week:
            return [self.first + timedelta(days=number) for number in range(self.days)]
        monday = self.first - timedelta(days=self.first.weekday())
        return [monday + timedelta(days=number) for number in range(0, (self.last - monday).days + 1, 7)]

    def offsets(self) -> Iterator[tuple[datetime, int]]:
        """(since when, seconds east of Greenwich), from the beginning of the period before to the end of this one."""
        at = self.before.begin
        seconds = offset(at, self.tz)
        yield at, seconds
        while at < self.end:
            later = min(at + timedelta(days=1), self.end)
            if offset(later, self.tz) != seconds:
                changed = moment_of_change(at, later, self.tz)
                seconds = offset(changed, self.tz)
                yield changed, seconds
            at = later


def midnight(day: date, tz: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tz).astimezone(UTC)


def offset(at: datetime, tz: tzinfo) -> int:
    found = at.astimezone(tz).utcoffset() or timedelta()
    return int(found.total_seconds())


def moment_of_change(before: datetime, after: datetime, tz: tzinfo) -> datetime:
    """To the second. There is one between the two."""
    was = offset(before, tz)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if offset(middle, tz) == was else (before, middle)
    return after
