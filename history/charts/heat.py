"""A field for each hour of the week, the fuller the darker."""

from collections.abc import Sequence
from xml.etree.ElementTree import SubElement

from django.utils.safestring import SafeString

from history.charts.frame import LEFT, RIGHT, add, paper, written

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = 24
EVERY = 6  # hours a label
TOP, ROW, GAP = 8, 26, 2
FAINTEST = 0.14


def heat(name: str, title: str, description: str, week: Sequence[Sequence[int]]) -> SafeString:
    """`week` has seven rows of 24 numbers, Monday's first."""
    svg = paper(name, title, description, height=TOP + ROW * len(DAYS) + 34)
    highest = max(map(max, week))
    width = (RIGHT - LEFT) / HOURS
    for day, numbers in enumerate(week):
        y = TOP + day * ROW
        add(svg, "text", "mark", DAYS[day][:3], x=LEFT - 8, y=y + ROW / 2 + 4)
        for hour, number in enumerate(numbers):
            kind, opacity = ("full", FAINTEST + (1 - FAINTEST) * number / highest) if number else ("none", 1)
            place = {"x": LEFT + hour * width, "y": y, "width": width - GAP, "height": ROW - GAP, "rx": 3}
            field = add(svg, "rect", kind, fill_opacity=opacity, **place)
            SubElement(field, "title").text = f"{DAYS[day]} {hour_of_day(hour)}: {number:,}"
    for hour in range(0, HOURS, EVERY):
        add(svg, "text", "label first", f"{hour:02}:00", x=LEFT + hour * width, y=TOP + ROW * len(DAYS) + 22)
    return written(svg)


def hour_of_day(hour: int) -> str:
    return f"{hour:02}:00–{hour + 1:02}:00"
