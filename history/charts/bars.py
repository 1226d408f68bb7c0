"""A bar for each label; of several series, one on top of the other."""

from django.utils.safestring import SafeString

from history.charts.frame import Frame, add, add_words, framed, written
from history.charts.series import Chart

GAP = 0.22  # of a label's width


def bars(name: str, chart: Chart) -> SafeString:
    totals = [sum(one.values[place] or 0 for one in chart.series) for place in range(len(chart.labels))]
    frame = framed(name, chart, max(totals, default=0))
    for place in range(frame.count):
        add_pile(frame, chart, place)
    add_words(frame, chart)
    return written(frame.svg)


def add_pile(frame: Frame, chart: Chart, place: int) -> None:
    reached = 0.0
    for one in chart.series:
        if value := one.values[place]:
            top, foot = frame.y(reached + value), frame.y(reached)
            x, width = frame.x(place + GAP / 2), frame.slot * (1 - GAP)
            add(frame.svg, "rect", f"bar {one.kind}", x=x, y=top, width=width, height=foot - top)
            reached += value
