"""The paper that a chart is drawn on: its size, its axes, and what it says to who cannot see it."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from django.utils.safestring import SafeString, mark_safe

from history.charts.scale import every, ticks
from history.charts.series import Chart

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 66, 552, 14, 204
MOST_LABELS = 5


def paper(name: str, title: str, description: str, height: int = HEIGHT) -> Element:
    """`name` is unique on the page."""
    svg = Element("svg", {"viewBox": f"0 0 {WIDTH} {height}", "class": "chart", "role": "img"})
    svg.set("aria-labelledby", f"{name}-title {name}-about")
    SubElement(svg, "title", {"id": f"{name}-title"}).text = title
    SubElement(svg, "desc", {"id": f"{name}-about"}).text = description
    return svg


def add(parent: Element, tag: str, kind: str, text: str = "", /, **numbers: float) -> Element:
    """Underscores in a name of an attribute stand for hyphens."""
    given = {name.replace("_", "-"): f"{number:g}" for name, number in numbers.items()}
    made = SubElement(parent, tag, {"class": kind, **given})
    made.text = text or None
    return made


def written(svg: Element) -> SafeString:
    return mark_safe(tostring(svg, encoding="unicode"))  # noqa: S308, the tree has escaped what it holds


@dataclass(frozen=True, slots=True)
class Frame:
    svg: Element
    top: float  # the highest number of the axis
    count: int  # of labels

    @property
    def slot(self) -> float:
        """The width that belongs to one label."""
        return (RIGHT - LEFT) / max(1, self.count)

    def x(self, place: float) -> float:
        return LEFT + place * self.slot

    def y(self, number: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * number / self.top


def framed(name: str, chart: Chart, highest: float) -> Frame:
    svg = paper(name, chart.title, about(chart))
    marks = ticks(highest, chart.whole)
    frame = Frame(svg, marks[-1], len(chart.labels))
    for number in marks:
        y = frame.y(number)
        add(svg, "line", "grid" if number else "axis", x1=LEFT, x2=RIGHT, y1=y, y2=y)
        add(svg, "text", "mark", chart.mark(number), x=LEFT - 8, y=y + 4)
    for place in every(frame.count, MOST_LABELS):
        add(svg, "text", "label", chart.labels[place].short, x=frame.x(place + 0.5), y=BOTTOM + 24)
    return frame


def about(chart: Chart) -> str:
    return " ".join(sentences(chart))


def sentences(chart: Chart) -> Iterator[str]:
    if chart.labels:
        yield f"From {chart.labels[0].full} to {chart.labels[-1].full}."
    for one in chart.series:
        known = [(value, -place) for place, value in enumerate(one.values) if value is not None]
        if known and max(known)[0]:
            highest, place = max(known)
            yield f"{one.name}: at most {chart.write(highest)}, on {chart.labels[-place].full}."
        else:
            yield f"{one.name}: none."
    yield "All numbers are in the table below."


def add_words(frame: Frame, chart: Chart) -> None:
    """Over everything else: pointed at, a label says its numbers."""
    for place in range(frame.count):
        area = add(frame.svg, "rect", "hit", x=frame.x(place), y=TOP, width=frame.slot, height=BOTTOM - TOP)
        SubElement(area, "title").text = chart.told(place)
