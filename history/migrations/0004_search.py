"""The search index: trigrams and short words on PostgreSQL, FTS5 on SQLite. What is there already is indexed."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import ProgrammingError, migrations

from history.search import sqlite_index

# Question and answer without regard to case, as history/search/postgres.py asks for them.
SAID = """replace(lower((query || E'\\n' || answer) COLLATE "und-x-icu"), 'ς', 'σ')"""
ENDED = "WHERE status <> 'pending'"  # so that the flushes of a running answer cost nothing

# Each character beyond ASCII, and each pair of them: trigrams cannot serve words of one or two characters, and in
# Chinese, Japanese and Korean most are. They are numbers, which an index sorts much faster than text; two pairs may
# share one, since what the index names is looked at again. The cost keeps the planner from calling it without need.
SHORT_WORDS = """
CREATE FUNCTION history_short_words(said text) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
DECLARE
    one int[];
BEGIN
    IF octet_length(said) = length(said) THEN
        RETURN '{}';
    END IF;
    one := array(
        SELECT ascii(a) FROM unnest(string_to_array(regexp_replace(said, '[\x01-\x7f]+', ' ', 'g'), NULL)) AS _(a)
    );
    RETURN one || array(SELECT (a << 16) # b FROM unnest(one[1:cardinality(one) - 1], one[2:]) AS _(a, b));
END
$$
"""
ON_POSTGRES = [
    SHORT_WORDS,
    f"CREATE INDEX messages_by_trigrams ON history_message USING gin ({SAID} gin_trgm_ops) {ENDED}",
    f"CREATE INDEX messages_by_short_words ON history_message USING gin (history_short_words({SAID})) {ENDED}",
]
OFF_POSTGRES = [
    "DROP INDEX messages_by_short_words",
    "DROP INDEX messages_by_trigrams",
    "DROP FUNCTION history_short_words",
]


class Trigrams(TrigramExtension):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        except ProgrammingError as error:
            raise ProgrammingError(
                "The search needs PostgreSQL's extension pg_trgm, and this role may not create it. Let a superuser run "
                "CREATE EXTENSION pg_trgm in this database, or grant CREATE on the database, and migrate again."
            ) from error

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        """It stays: something else may use it."""


def build(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        sqlite_index.build(schema_editor.connection)
    else:
        for statement in ON_POSTGRES:
            schema_editor.execute(statement, params=None)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        sqlite_index.drop(schema_editor.connection)
    else:
        for statement in OFF_POSTGRES:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("history", "0003_cache_archive_erasure")]

    operations = [Trigrams(), migrations.RunPython(build, drop)]
