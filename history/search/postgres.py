"""Words on PostgreSQL: an index of trigrams finds those of three letters and more, one of short words the others.

Its full-text search finds words from their beginnings only, and takes a Korean word with its particles, or a Chinese
sentence, for one word. Trigrams find what occurs anywhere, in every script.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, transaction
from django.db.models import F, Func, Q, QuerySet, Subquery, Value
from django.db.models.fields import BooleanField, IntegerField, TextField
from django.db.models.functions import StrIndex
from django.db.models.lookups import Contains, GreaterThan

from history.search.sample import Telling

TRIGRAM = re.compile(r"(?=([^\W_]{3}))")  # what pg_trgm looks up; they overlap
FEW = 3  # trigrams: each that is asked for costs once more for every row that is found
SHORT = re.compile("[^\0-\x7f]{1,2}")  # what history_short_words has of a text


class Said(Func):
    """Question and answer, as the index of trigrams has them."""

    function = "history_said"
    output_field = TextField()

    def __init__(self) -> None:
        super().__init__(F("query"), F("answer"))


class Folded(Said):
    """The same text, without the price by which the planner tells rows to be looked at from rows of the index."""

    template = """replace(lower((%(expressions)s) COLLATE "und-x-icu"), 'ς', 'σ')"""
    arg_joiner = " || E'\\n' || "


class ShortWords(Func):
    """Every character of question and answer beyond ASCII, and every two of them, as numbers."""

    function = "history_short_words"
    output_field = ArrayField(IntegerField())

    def __init__(self) -> None:
        super().__init__(F("query"), F("answer"))


class HasAll(Func):
    template = "%(expressions)s::int[]"
    arg_joiner = " @> "
    output_field = BooleanField()


class Among(Func):
    """The subquery is run once, whatever the planner thinks of its size."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY(ARRAY"
    output_field = BooleanField()


class AnyOf(Func):
    template = "%(expressions)s::bigint[])"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def occur(words: list[str]) -> Q:
    """A turn's row has every word, by looking at it."""
    found = Q()
    for word in words:
        found &= Q(GreaterThan(StrIndex(Folded(), Value(word)), 0))
    return found


def indexed(words: list[str], telling: Telling = list) -> Q:
    """The same, as the indexes understand it. To read all that they name takes longer than to find it, so that it is
    of no use to spare them keys."""
    long = [word for word in words if TRIGRAM.search(word)]
    found = contain(long) & occur([word for word in words if word not in long])
    short = [number_of(pair) for word in words for pair in SHORT.findall(word)]
    if short and not long:
        found &= Q(HasAll(ShortWords(), Value(short, ArrayField(IntegerField()))))
    return found


def narrowed(words: list[str], telling: Telling) -> Q:
    """The same of some conversations: the index is combined with theirs, and asked for some telling trigrams only."""
    trigrams = telling(list(dict.fromkeys(chain.from_iterable(map(TRIGRAM.findall, words)))))[:FEW]
    return contain(trigrams) & occur(words) if trigrams else indexed(words)


def contain(pieces: list[str]) -> Q:
    """What the index of trigrams names for all of them."""
    found = Q()
    for piece in pieces:
        found &= Q(Contains(Said(), piece))
    return found


def number_of(pair: str) -> int:
    """As history_short_words counts, in 32 bits with a sign."""
    first, second = ord(pair[0]), ord(pair[-1])
    number = ((first << 16) ^ second if len(pair) == 2 else first) & 0xFFFFFFFF
    return number - (number >> 31 << 32)


def among(ids: QuerySet[Any]) -> Q:
    return Q(Among(F("pk"), Subquery(ids)))


def of_any(column: str, ids: list[int], seldom: bool = False) -> Q:
    """Written out, so that the planner sees how many they are, and combines indexes by itself."""
    return Q(AnyOf(F(column), Value(f"{{{','.join(map(str, ids))}}}")))


@contextmanager
def planning() -> Iterator[None]:
    """history_said has a high price, and many of them would seem worth compiling: that alone takes longer than these
    queries do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        yield


def of_systems(named: list[str]) -> Q:
    return Q(system_id__in=named)
