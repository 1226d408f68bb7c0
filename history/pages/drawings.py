"""The drawings of the page of numbers, each with the table that says the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.utils.safestring import SafeString

from history.charts.bars import bars
from history.charts.heat import DAYS, heat, hour_of_day
from history.charts.lines import lines
from history.charts.series import Chart, Label, Number, Series
from history.numbers.summary import Summary
from history.numbers.tally import Tally
from history.pages import figures

PERCENTILES = ((50, "Half within", "half"), (95, "95 % within", "most"))


@dataclass(frozen=True, slots=True)
class Table:
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Drawing:
    name: str
    title: str
    svg: SafeString
    table: Table
    legend: Sequence[Series] = ()
    about: str = ""


def drawings(found: Summary) -> Iterator[Drawing]:
    unit = "week" if found.period.by_week else "day"
    yield piled(found, "messages", f"Messages a {unit}", {"Messages": ("main", lambda tally: tally.messages)})
    yield piled(found, "users", f"Users a {unit}", {"Users": ("second", lambda tally: tally.users)})
    yield piled(found, "tokens", f"Tokens a {unit}", {"Tokens": ("main", lambda tally: tally.tokens)})
    for number, currency in enumerate(sorted({*found.whole.cost, *found.before.cost})):
        yield cost(found, f"cost-{number}", currency, unit)
    unanswered = {"Failed": ("bad", lambda tally: tally.failed), "Stopped": ("dim", lambda tally: tally.stopped)}
    yield piled(found, "failures", f"Failed and stopped a {unit}", unanswered)
    yield latency(found)
    rated = {"Likes": ("good", lambda tally: tally.likes), "Dislikes": ("bad", lambda tally: tally.dislikes)}
    yield piled(found, "feedback", f"Feedback a {unit}", rated)
    yield busiest(found)


Read = Callable[[Tally], Number]


def chart_of(found: Summary, title: str, parts: dict[str, tuple[str, Read]]) -> Chart:
    tallies = found.bars.values()
    series = [Series(name, kind, [read(tally) for tally in tallies]) for name, (kind, read) in parts.items()]
    return Chart(title, labels(found), series, figures.count, figures.short)


def piled(found: Summary, name: str, title: str, parts: dict[str, tuple[str, Read]]) -> Drawing:
    chart = chart_of(found, title, parts)
    return Drawing(
        name, title, bars(name, chart), table_of(found, chart), chart.series if len(chart.series) > 1 else ()
    )


def cost(found: Summary, name: str, currency: str, unit: str) -> Drawing:
    title = f"Cost a {unit}, {currency or 'without a currency'}"
    parts: dict[str, tuple[str, Read]] = {"Cost": ("second", lambda tally: float(tally.cost.get(currency, 0)))}
    chart = replace(chart_of(found, title, parts), write=figures.money, whole=False)
    return Drawing(name, title, bars(name, chart), table_of(found, chart))


def latency(found: Summary) -> Drawing:
    title = "Time to the whole answer"
    series = [
        Series(name, kind, [tally.percentile(percent) for tally in found.bars.values()])
        for percent, name, kind in PERCENTILES
    ]
    chart = Chart(title, labels(found), series, figures.took, figures.short_time)
    about = "Of answered messages whose time the gateway took."
    return Drawing("latency", title, lines("latency", chart), table_of(found, chart), series, about)


def busiest(found: Summary) -> Drawing:
    title, about = "Busiest hours", busiest_hour(found)
    svg = heat("hours", title, f"{about} All numbers are in the table below.", found.week)
    by_hour = zip(*found.week, strict=True)
    rows = [[hour_of_day(hour), *map(figures.count, numbers)] for hour, numbers in enumerate(by_hour)]
    return Drawing("hours", title, svg, Table(["Hour", *[day[:3] for day in DAYS]], rows), about=about)


def busiest_hour(found: Summary) -> str:
    most = max(map(max, found.week))
    if not most:
        return "No messages."
    day = next(place for place, hours in enumerate(found.week) if most in hours)
    return f"Most messages came on {DAYS[day]}s, {hour_of_day(found.week[day].index(most))}: {most:,}."


def table_of(found: Summary, chart: Chart) -> Table:
    columns = ["Week" if found.period.by_week else "Day", *[one.name for one in chart.series]]
    rows = [
        [label.full, *[chart.write(one.values[place]) for one in chart.series]]
        for place, label in enumerate(chart.labels)
    ]
    return Table(columns, rows)


def labels(found: Summary) -> list[Label]:
    if not found.period.by_week:
        return [Label(f"{day.day} {day:%b}", f"{day:%a} {day.day} {day:%b %Y}") for day in found.bars]
    return [week_label(found, monday) for monday in found.bars]


def week_label(found: Summary, monday: date) -> Label:
    """The first and the last week may be cut short by the period."""
    first, last = max(monday, found.period.first), min(monday + timedelta(days=6), found.period.last)
    return Label(f"{first.day} {first:%b}", f"{first.day} {first:%b} – {last.day} {last:%b %Y}")
