"""Words on SQLite: FTS5 with trigrams names the turns that may have them, and Python looks whether they do."""

import json
import unicodedata
from contextlib import nullcontext
from itertools import chain
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField, CharField
from django.db.models.lookups import In

from history.search.sample import Telling
from history.search.words import said

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
    text = said(query, answer)
    return all(word in text for word in words)


def teach(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Receiver of connection_created."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("history_has", -1, has, deterministic=True)


def occur(words: list[str]) -> Q:
    return Q(Has(F("query"), F("answer"), *map(Value, words))) if words else Q()


def indexed(words: list[str], telling: Telling = list) -> Q:
    """The same, where possible of those turns only that the index names."""
    return listed(F("pk"), words, telling)


def narrowed(words: list[str], telling: Telling) -> Q:
    """The same of some conversations: their turns come first, and the index says which to look at."""
    return listed(Unindexed(F("pk")), words, telling)


def listed(row: Any, words: list[str], telling: Telling) -> Q:
    found = named(words, telling)
    return (Q(In(row, found)) if found else Q()) & occur(words)


def named(words: list[str], telling: Telling) -> RawSQL | None:
    pieces = list(chain.from_iterable(map(pieces_of, words)))
    trigrams = list(dict.fromkeys(chain.from_iterable(map(trigrams_of, pieces))))[:MOST_TRIGRAMS]
    if trigrams:
        # A search takes as long as the most common one that is asked for.
        asked = " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in telling(trigrams))
        return RawSQL("SELECT rowid FROM history_search WHERE history_search MATCH %s", [asked])
    if pieces:
        begin = max(pieces, key=len)
        beginning = "SELECT doc FROM history_search_terms WHERE term >= %s AND term < %s"
        return RawSQL(beginning, [begin, begin + LAST])  # noqa: S611, no value is part of it
    return None


def among(ids: QuerySet[Any]) -> Q:
    return Q(pk__in=ids)


def of_any(column: str, ids: list[int], seldom: bool = False) -> Q:
    """In one parameter: thousands of them would take Django longer than the query takes. `seldom`: an index of turns
    names those that are to be looked at."""
    value = Unindexed(F(column)) if seldom else F(column)
    return Q(In(value, RawSQL("SELECT value FROM json_each(%s)", [json.dumps(ids)])))


planning = nullcontext


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
