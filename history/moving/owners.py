"""Whose an old conversation is here, and how far back that person's words are taken in."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from rest_framework.exceptions import ValidationError

from history.models import Erasure
from history.moving.source import Source
from history.retention import taken_in_since
from tenants.caller import Caller, valid_user_id
from tenants.legacy_systems import Systems

Owner = tuple[str, str]  # system and user, as the old gateway called them


class Owners:
    def __init__(self, source: Source, tables: Iterable[str], systems: Systems) -> None:
        self._source = source
        self._tables = [table for table in ("conversation_cache", "conversation_mappings") if table in tables]
        self._systems = systems
        self._erased = set(Erasure.objects.values_list("system_id", "user_id"))
        self.since = lru_cache(maxsize=1000)(self._since)

    def caller(self, owner: Owner) -> Caller:
        """Raises Nobody."""
        system = self._systems.here.get(owner[0])
        if system is None:
            raise Nobody("its system is not here")
        try:
            return Caller(system, valid_user_id(owner[1]))
        except ValidationError:
            raise Nobody("its user id cannot be used") from None

    def of(self, conversation_ids: list[str], tables: list[str] | None = None) -> dict[str, Owner]:
        """Those that the old database names. What it says twice, the cache of conversations knows better."""
        found: dict[str, Owner] = {}
        for table in self._tables if tables is None else tables:
            if missing := [each for each in conversation_ids if each not in found]:
                query = f"SELECT conversation_id, system_id, user_id FROM {table} WHERE conversation_id IN ()"  # noqa: S608
                rows = self._source.rows(query, missing)
                found |= {row["conversation_id"]: (str(row["system_id"]), str(row["user_id"])) for row in rows}
        return found

    def taken_in_since(self, caller: Caller) -> datetime:
        """What was erased here does not move in again, nor what is older than its system keeps."""
        erased = (caller.system.pk, caller.user_id) in self._erased
        return self.since(Caller(caller.system, caller.user_id if erased else ""))

    def _since(self, caller: Caller) -> datetime:
        return taken_in_since(caller)


class Nobody(Exception):
    """There is no such person here. The message says why."""
