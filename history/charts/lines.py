"""A line for each series, broken where there is nothing to measure."""

from collections.abc import Iterator
from itertools import groupby

from django.utils.safestring import SafeString

from history.charts.frame import Frame, add, add_words, framed, written
from history.charts.series import Chart, Series

DOTS_UP_TO = 40  # labels: more of them would hide the line

Point = tuple[float, float]


def lines(name: str, chart: Chart) -> SafeString:
    highest = max((value or 0 for one in chart.series for value in one.values), default=0)
    frame = framed(name, chart, highest)
    for one in chart.series:
        for stretch in stretches(frame, one):
            add_stretch(frame, one.kind, stretch)
    add_words(frame, chart)
    return written(frame.svg)


def stretches(frame: Frame, one: Series) -> Iterator[list[Point]]:
    for known, places in groupby(range(frame.count), key=lambda place: one.values[place] is not None):
        if known:
            yield [(frame.x(place + 0.5), frame.y(one.values[place] or 0)) for place in places]


def add_stretch(frame: Frame, kind: str, points: list[Point]) -> None:
    line = add(frame.svg, "polyline", f"line {kind}")
    line.set("points", " ".join(f"{x:.1f},{y:.1f}" for x, y in points))
    if frame.count <= DOTS_UP_TO or len(points) == 1:
        for x, y in points:
            add(frame.svg, "circle", f"dot {kind}", cx=x, cy=y, r=2.5)
