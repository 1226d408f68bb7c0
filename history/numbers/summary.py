"""The numbers of some systems in a period, for each of its bars, each system, the whole, and the period before."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo

from history.models import Message
from history.numbers import counts
from history.numbers.counts import Bucket, Used
from history.numbers.period import Period
from history.numbers.tally import Tally
from tenants.models import System

HOURS = 24


@dataclass
class Summary:
    period: Period  # its days; which moments they are depends on each system's zone
    bars: dict[date, Tally]
    systems: dict[str, Tally]
    whole: Tally = field(default_factory=Tally)
    before: Tally = field(default_factory=Tally)
    week: list[list[int]] = field(default_factory=lambda: [[0] * HOURS for _ in range(7)])

    def concerned(self, system_id: str, bucket: Bucket) -> list[Tally]:
        """Where a row of the period counts, or one of the period before."""
        return [self.bars[bucket], self.systems[system_id], self.whole] if bucket else [self.before]


def summed_up(systems: Sequence[System], first: date, last: date) -> Summary:
    zones = zones_of(systems)
    period = Period(first, last, next(iter(zones)))
    found = Summary(period, {day: Tally() for day in period.buckets}, {system.pk: Tally() for system in systems})
    for tz, named in zones.items():
        within = Period(first, last, tz)
        add_used(found, counts.used(named, within))
        add_ended(found, counts.ended(named, within))
        add_rated(found, counts.rated(named, within))
        add_took(found, counts.took(named, within))
        for hour, turns in counts.by_hour(named, within).items():
            found.week[hour // HOURS][hour % HOURS] += turns
    return found


def zones_of(systems: Sequence[System]) -> dict[tzinfo, list[str]]:
    zones: defaultdict[tzinfo, list[str]] = defaultdict(list)
    for system in systems:
        zones[system.tz].append(system.pk)
    return zones


def add_used(found: Summary, rows: Iterator[Used]) -> None:
    for row in rows:
        if row.kind == "all":
            found.systems[row.system_id].users = row.users
            found.whole.users += row.users
            continue
        for tally in found.concerned(row.system_id, row.bucket):
            if row.kind == "cost":
                tally.pay(row.currency, row.price)
            else:
                tally.messages += row.messages
                tally.tokens += row.tokens
        if row.kind == "bar":  # who comes on two days is one user of the whole
            found.concerned(row.system_id, row.bucket)[0].users += row.users


def add_ended(found: Summary, rows: Iterator[counts.Ended]) -> None:
    for row in rows:
        for tally in found.concerned(row.system_id, row.bucket):
            if row.status == Message.Status.STOPPED:
                tally.stopped += row.turns
            else:
                tally.failed += row.turns
                tally.errors[row.error_code] += row.turns


def add_rated(found: Summary, rows: Iterator[counts.Rated]) -> None:
    for row in rows:
        for tally in found.concerned(row.system_id, row.bucket):
            tally.likes += row.turns * (row.feedback == "like")
            tally.dislikes += row.turns * (row.feedback == "dislike")


def add_took(found: Summary, rows: Iterator[counts.Took]) -> None:
    for row in rows:
        for tally in found.concerned(row.system_id, row.bucket):
            tally.latencies[row.milliseconds] += row.turns
