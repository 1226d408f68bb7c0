"""How far back the ledger may remember: a system's retention, and what a person had erased."""

from datetime import UTC, datetime, time, timedelta

from django.db.models import Max
from django.utils import timezone

from history.models import Erasure
from history.turns import CLOCKS_DIFFER_BY
from tenants.caller import Caller
from tenants.models import System

EVER = datetime.min.replace(tzinfo=UTC)
SKEW = timedelta(seconds=CLOCKS_DIFFER_BY)


def kept_since(system: System, now: datetime | None = None) -> datetime:
    """Whole days of the system's time zone: today, and as many before it as its retention has."""
    if system.retention_days is None:
        return EVER
    today = (now or timezone.now()).astimezone(system.tz).date()
    try:
        return datetime.combine(today - timedelta(days=system.retention_days), time.min, system.tz)
    except OverflowError:
        return EVER


def taken_in_since(caller: Caller) -> datetime:
    """What Dify has from before is not taken in again: it is too old, or was erased here.

    A margin for clocks that differ, so that a turn just beyond the border does not come back under Dify's time.
    """
    erased = Erasure.objects.filter(system_id=caller.system.pk, user_id=caller.user_id).aggregate(Max("begun_at"))
    borders = [kept_since(caller.system), erased["begun_at__max"] or EVER]
    newest = max(borders)
    return newest if newest == EVER else newest + SKEW
