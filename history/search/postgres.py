"""Words on PostgreSQL: an index of trigrams finds those of three letters and more, one of short words the others.

Its full-text search finds words from their beginnings only, and takes a Korean word with its particles, or a Chinese
sentence, for one word. Trigrams find what occurs anywhere, in every script.
"""

import re
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, Q, QuerySet, Subquery, Value
from django.db.models.fields import BooleanField, IntegerField, TextField
from django.db.models.functions import StrIndex
from django.db.models.lookups import Contains, GreaterThan

LONG = re.compile(r"[^\W_]{3}")  # what pg_trgm looks up
SHORT = re.compile("[^\0-\x7f]{1,2}")  # what history_short_words has of a text


class Said(Func):
    """Question and answer, as both indexes have them."""

    template = """replace(lower((%(expressions)s) COLLATE "und-x-icu"), 'ς', 'σ')"""
    arg_joiner = " || E'\\n' || "
    output_field = TextField()

    def __init__(self) -> None:
        super().__init__(F("query"), F("answer"))


class HasShort(Func):
    """All of these pairs and single characters are in the text."""

    template = "history_short_words(%(expressions)s::int[])"
    arg_joiner = ") @> ("
    output_field = BooleanField()


class Among(Func):
    """The subquery is run once, whatever the planner thinks of its size."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY(ARRAY"
    output_field = BooleanField()


def occur(words: list[str]) -> Q:
    """A turn's row has every word. No index serves this: the planner takes common words for rare ones and would read
    all their rows, where only a few were to be looked at."""
    found = Q()
    for word in words:
        found &= Q(GreaterThan(StrIndex(Said(), Value(word)), 0))
    return found


def indexed(words: list[str]) -> Q:
    """The same, as the indexes understand it."""
    found = Q()
    for word in words:
        found &= Q(Contains(Said(), word))
    short = [number_of(pair) for word in words for pair in SHORT.findall(word)]
    if short and not any(map(LONG.search, words)):
        found &= Q(HasShort(Said(), Value(short, ArrayField(IntegerField()))))
    return found


def number_of(pair: str) -> int:
    """As history_short_words counts, in 32 bits with a sign."""
    first, second = ord(pair[0]), ord(pair[-1])
    number = ((first << 16) ^ second if len(pair) == 2 else first) & 0xFFFFFFFF
    return number - (number >> 31 << 32)


def among(ids: QuerySet[Any]) -> Q:
    return Q(Among(F("pk"), Subquery(ids)))


def of_systems(named: list[str]) -> Q:
    return Q(system_id__in=named)
