"""Moments as clients of rooms read them: ISO 8601 in UTC, with milliseconds, as JavaScript writes them."""

from datetime import UTC, datetime


def iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
