"""Django's SQLite backend with a pool, as Django offers one for PostgreSQL only.

A turn lets go of its connection whenever it waits. To open one costs a millisecond of CPU; to close the last one costs
more, because SQLite then moves its whole write-ahead log into the database. So connections are put aside, not closed.
"""

import sqlite3
from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base
from django.utils.asyncio import async_unsafe

MOST_IDLE = 32  # connections of one process to one file

# Lists are popped and appended in one step each, so threads need no lock here.
_idle: defaultdict[str, list[sqlite3.Connection]] = defaultdict(list)


class DatabaseWrapper(base.DatabaseWrapper):
    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        self._file = str(conn_params["database"])
        try:
            return _idle[self._file].pop()
        except IndexError:
            return super().get_new_connection(conn_params)

    def _close(self) -> None:
        connection = self.connection
        if connection is None or connection.in_transaction or len(_idle[self._file]) >= MOST_IDLE:
            super()._close()  # type: ignore[misc]  # the stubs leave it out
        else:
            _idle[self._file].append(connection)
