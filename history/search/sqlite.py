"""Words on SQLite: FTS5 with trigrams names the turns that may have them, and Python looks whether they do."""

import unicodedata
from itertools import chain
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField, CharField
from django.db.models.lookups import In

from history.search.words import folded

MOST_TRIGRAMS = 30
LAST = "\U0010ffff"
ABOVE_CYRILLIC = 0x528  # of some cased letters beyond, FTS5 knows one case only


class Unindexed(Func):
    """The column's value, for which SQLite looks into no index. It has no idea of sizes, and would take the index of
    a system's rows, which are many, before the few rows that the search has named."""

    template = "+%(expressions)s"
    output_field = CharField()


class Has(Func):
    function = "history_has"
    output_field = BooleanField()


def has(query: str, answer: str, *words: str) -> bool:
    said = folded(f"{query}\n{answer}")
    return all(word in said for word in words)


def teach(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Receiver of connection_created."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("history_has", -1, has, deterministic=True)


def occur(words: list[str]) -> Q:
    return Q(Has(F("query"), F("answer"), *map(Value, words))) if words else Q()


def indexed(words: list[str]) -> Q:
    """The same, where possible of those turns only that the index names."""
    return occur(words) & named(words)


def named(words: list[str]) -> Q:
    pieces = list(chain.from_iterable(map(pieces_of, words)))
    trigrams = list(dict.fromkeys(chain.from_iterable(map(trigrams_of, pieces))))[:MOST_TRIGRAMS]
    if trigrams:
        asked = " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in trigrams)
        return Q(pk__in=RawSQL("SELECT rowid FROM history_search WHERE history_search MATCH %s", [asked]))
    if pieces:
        begin = max(pieces, key=len)
        beginning = "SELECT doc FROM history_search_terms WHERE term >= %s AND term < %s"
        return Q(pk__in=RawSQL(beginning, [begin, begin + LAST]))  # noqa: S611, no value is part of it
    return Q()


def among(ids: QuerySet[Any]) -> Q:
    return Q(pk__in=ids)


def of_systems(named: list[str]) -> Q:
    return Q(In(Unindexed(F("system_id")), named))


def pieces_of(word: str) -> list[str]:
    """The word without those letters that FTS5 does not fold as Python does."""
    return "".join(" " if is_unsure(character) else character for character in word).split()


def is_unsure(character: str) -> bool:
    cased = character != character.upper() or unicodedata.category(character) in ("Lu", "Lt")
    return cased and (ord(character) >= ABOVE_CYRILLIC or character == "ϳ") and not "ａ" <= character <= "ｚ"


def trigrams_of(piece: str) -> list[str]:
    return [piece[at : at + 3] for at in range(len(piece) - 2)]
