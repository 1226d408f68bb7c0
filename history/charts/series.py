"""What is drawn: numbers along a row of labels, and how a number is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Number = float | None  # None: there is nothing to measure, which is not zero


class Label(NamedTuple):
    short: str  # below the axis
    full: str


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    kind: str  # its colour: a class of numbers.css
    values: Sequence[Number]


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    labels: Sequence[Label]
    series: Sequence[Series]
    write: Callable[[Number], str]  # in full, as in the table
    mark: Callable[[float], str]  # short, beside the axis
    whole: bool = True  # can there be half of it?

    def told(self, place: int) -> str:
        """What one label says, in a sentence."""
        parts = [f"{one.name.lower()} {self.write(one.values[place])}" for one in self.series]
        return f"{self.labels[place].full}: {', '.join(parts)}"
