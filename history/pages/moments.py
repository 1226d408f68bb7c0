"""Times as people read them, in the system's own zone."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Moment:
    iso: str
    short: str  # as much as tells it from others: the time today, the day before that
    day_and_time: str
    full: str


def moment(at: datetime, tz: tzinfo) -> Moment:
    local = at.astimezone(tz)
    day = f"{local.day} {local:%b %Y}"
    return Moment(
        iso=local.isoformat(timespec="seconds"),
        short=shortened(local, timezone.now().astimezone(tz)),
        day_and_time=f"{day}, {local:%H:%M}",
        full=f"{day}, {local:%H:%M:%S} ({tz})",
    )


def shortened(local: datetime, now: datetime) -> str:
    if local.date() == now.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local.day} {local:%b %Y}"
