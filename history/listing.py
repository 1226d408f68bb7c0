"""Keeps what a live list of Dify's shows, so that the ledger can serve it when Dify is away."""

from collections.abc import Iterable, Iterator

from dify.client import JSONObject
from history.dify_rows import Listed, Unusable, listed
from history.models import Conversation
from history.recorder import upserted
from history.retention import taken_in_since
from tenants.caller import Caller

TIMES = ["created_at", "updated_at"]


def keep(caller: Caller, rows: Iterable[JSONObject]) -> None:
    """Rows that cannot be used are left to the sync, which names them. No name overwrites one."""
    since = taken_in_since(caller)
    found = [row for row in usable(rows) if row.updated_at >= since]
    if named := [conversation_of(caller, row) for row in found if row.name]:
        upserted(named, update=["name", *TIMES])
    if unnamed := [conversation_of(caller, row) for row in found if not row.name]:
        upserted(unnamed, update=TIMES)


def usable(rows: Iterable[JSONObject]) -> Iterator[Listed]:
    for row in rows:
        try:
            yield listed(row)
        except Unusable:
            continue


def conversation_of(caller: Caller, row: Listed) -> Conversation:
    return Conversation(
        system_id=caller.system.system_id,
        user_id=caller.user_id,
        conversation_id=row.id,
        name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
