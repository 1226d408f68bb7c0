"""The turns that are looked for."""

from dataclasses import dataclass

from django.db.models import Q


@dataclass(frozen=True, slots=True)
class Turns:
    words: list[str]  # all of them in one and the same turn
    fitting: Q  # how it is otherwise
    seldom: bool = False  # few are like that, and an index has them
