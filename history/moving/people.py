"""The users of the old gateway: whom a sync is to visit."""

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from history.models import ChatUser
from history.moving.halves import moment_of, words
from history.moving.owners import Nobody, Owners
from history.moving.report import Report
from history.moving.source import TABLES, Row
from tenants.caller import Caller

ELSEWHERE = "Dify knows them by another name, so their conversations cannot go on"
COLUMNS = (
    "system_id",
    "user_id",
    "MIN(dify_user) AS dify_user",
    "MAX(dify_user) AS other_dify_user",
    "MIN(seen_at) AS first_seen",
    "MAX(seen_at) AS last_seen",
)


def query(columns: dict[str, set[str]]) -> str:
    """Everybody whom a table names, once."""
    found = [seen_in(table, columns[table]) for table in TABLES if "user_id" in columns.get(table, ())]
    everybody = " UNION ALL ".join(found)
    return (
        f"SELECT {', '.join(COLUMNS)} FROM ({everybody}) AS everybody "  # noqa: S608
        "GROUP BY system_id, user_id ORDER BY system_id, user_id"
    )


def seen_in(table: str, columns: set[str]) -> str:
    when = next((name for name in ("updated_at", "created_at", "synced_at") if name in columns), "NULL")
    dify_user = "dify_user" if "dify_user" in columns else "NULL"
    casts = {"system_id": "system_id", "user_id": "user_id", "dify_user": dify_user, "seen_at": when}
    return f"SELECT {', '.join(f'CAST({value} AS TEXT) AS {name}' for name, value in casts.items())} FROM {table}"  # noqa: S608


def take(rows: list[Row], owners: Owners, report: Report, dry_run: bool) -> None:
    found = list(usable(rows, owners, report))
    named = ChatUser.objects.filter(user_id__in=[user.user_id for user in found])
    known = set(named.values_list("system_id", "user_id"))
    new = [user for user in found if (user.system_id, user.user_id) not in known]
    if not dry_run:
        ChatUser.objects.bulk_create(new, ignore_conflicts=True)
    report.count("users", seen=len(rows), new=len(new))


def usable(rows: list[Row], owners: Owners, report: Report) -> Iterator[ChatUser]:
    for row in rows:
        old_system, user_id = words(row["system_id"]), words(row["user_id"])
        try:
            caller = owners.caller((old_system, user_id))
        except Nobody as nobody:
            report.skip("users", str(nobody), f"{old_system}/{user_id}")
            continue
        if caller.system.pk == old_system and not is_known_as(caller, row):
            report.note("users", ELSEWHERE, f"{old_system}/{user_id}")
        first, last = times(row)
        yield ChatUser(system_id=caller.system.pk, user_id=caller.user_id, first_seen_at=first, last_seen_at=last)


def is_known_as(caller: Caller, row: Row) -> bool:
    return {row["dify_user"], row["other_dify_user"]} - {None, ""} <= {caller.dify_user}


def times(row: Row) -> tuple[datetime, datetime]:
    first, last = moment_of(row["first_seen"]), moment_of(row["last_seen"])
    now = timezone.now()
    return first or last or now, last or first or now
