"""The search index on SQLite, kept by triggers, so that it knows of every row whoever writes it.

It keeps trigrams only, not the text. Two line ends after the text let its last characters begin a trigram too: words
of one or two characters are looked up as beginnings of trigrams.
"""

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = """
CREATE VIRTUAL TABLE history_search
USING fts5(said, content='', detail=none, columnsize=0, tokenize='trigram')
"""
TERMS = "CREATE VIRTUAL TABLE history_search_terms USING fts5vocab(history_search, instance)"
# FTS5 leaves one letter alone that Python folds into two.
SAID = "replace({0}.query || char(10) || {0}.answer, 'İ', 'i̇') || char(10) || char(10)"
ADD = f"INSERT INTO history_search (rowid, said) VALUES (new.id, {SAID.format('new')})"  # noqa: S608
TAKE_OUT = (
    "INSERT INTO history_search (history_search, rowid, said) "  # noqa: S608
    f"VALUES ('delete', old.id, {SAID.format('old')})"
)
ROW = "({0}.id, {0}.query, {0}.answer, {0}.status = 'pending')"
MOVED = f"{ROW.format('old')} IS NOT {ROW.format('new')}"
TRIGGERS = {
    "history_search_insert": f"AFTER INSERT ON history_message WHEN new.status <> 'pending' BEGIN {ADD}; END",
    "history_search_delete": f"AFTER DELETE ON history_message WHEN old.status <> 'pending' BEGIN {TAKE_OUT}; END",
    # The first of the two runs before the row is changed, the second after.
    "history_search_update_out": f"BEFORE UPDATE OF id, query, answer, status ON history_message "
    f"WHEN old.status <> 'pending' AND {MOVED} BEGIN {TAKE_OUT}; END",
    "history_search_update_in": f"AFTER UPDATE OF id, query, answer, status ON history_message "
    f"WHEN new.status <> 'pending' AND {MOVED} BEGIN {ADD}; END",
}
FILL = (
    "INSERT INTO history_search (rowid, said) "  # noqa: S608
    f"SELECT id, {SAID.format('row')} FROM history_message AS row WHERE status <> 'pending'"
)


def build(connection: BaseDatabaseWrapper) -> None:
    """From nothing."""
    with connection.cursor() as cursor:
        drop(connection)
        for statement in (TABLE, TERMS, FILL, *(f"CREATE TRIGGER {name} {body}" for name, body in TRIGGERS.items())):
            cursor.execute(statement)


def drop(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name in TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        cursor.execute("DROP TABLE IF EXISTS history_search_terms")
        cursor.execute("DROP TABLE IF EXISTS history_search")


def mend(using: str, **kwargs: Any) -> None:
    """Receiver of post_migrate: a migration that changes the table of messages makes a new one, without triggers."""
    connection = connections[using]
    if connection.vendor == "sqlite" and 0 < len(parts(connection)) < 1 + len(TRIGGERS):
        build(connection)


def parts(connection: BaseDatabaseWrapper) -> set[str]:
    """None before its migration."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master")
        return {name for [name] in cursor.fetchall()} & {"history_search", *TRIGGERS}
