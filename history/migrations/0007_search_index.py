"""The search index: trigrams and short words on PostgreSQL, FTS5 on SQLite. What is there already is indexed."""

from django.db import migrations

from history.search import sqlite_index

# Question and answer without regard to case, as history/search/postgres.py asks for them.
FOLDED = """replace(lower((query || E'\\n' || answer) COLLATE "und-x-icu"), 'ς', 'σ')"""
ENDED = "WHERE status <> 'pending'"  # so that the flushes of a running answer cost nothing

# The planner takes every word for one that few turns have, and would read all of them before it asks which of them are
# in some conversations. The price makes it combine both indexes, and read what is in both. It would also make it start
# workers, which takes longer than any search: hence RESTRICTED.
SAID = f"""
CREATE FUNCTION history_said(query text, answer text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL RESTRICTED COST 100000 AS $$
BEGIN
    RETURN {FOLDED};
END
$$
"""

# Each character beyond ASCII, and each pair of them: trigrams cannot serve words of one or two characters, and in
# Chinese, Japanese and Korean most are. They are numbers, which an index sorts much faster than text; two pairs may
# share one, since what the index names is looked at again. The cost keeps the planner from calling it without need.
SHORT_WORDS = f"""
CREATE FUNCTION history_short_words(query text, answer text) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL RESTRICTED COST 2000 AS $$
DECLARE
    one int[];
    -- Not history_said: while a dump is restored, only what is built in is found without its schema.
    said text := {FOLDED};
BEGIN
    IF octet_length(said) = length(said) THEN
        RETURN '{{}}';
    END IF;
    one := array(
        SELECT ascii(a) FROM unnest(string_to_array(regexp_replace(said, '[\x01-\x7f]+', ' ', 'g'), NULL)) AS _(a)
    );
    RETURN one || array(SELECT (a << 16) # b FROM unnest(one[1:cardinality(one) - 1], one[2:]) AS _(a, b));
END
$$
"""
ON_POSTGRES = [
    SAID,
    SHORT_WORDS,
    f"CREATE INDEX messages_by_trigrams ON history_message USING gin (history_said(query, answer) gin_trgm_ops) {ENDED}",
    f"CREATE INDEX messages_by_short_words ON history_message USING gin (history_short_words(query, answer)) {ENDED}",
]
OFF_POSTGRES = [
    "DROP INDEX IF EXISTS messages_by_short_words, messages_by_trigrams",
    "DROP FUNCTION IF EXISTS history_short_words(text, text), history_said(text, text)",
    "DROP FUNCTION IF EXISTS history_short_words(text)",  # of a gateway that had its index from 0004_search
]


def build(apps, schema_editor):
    drop(apps, schema_editor)
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
    dependencies = [("history", "0006_no_index_twice")]

    operations = [migrations.RunPython(build, drop)]
