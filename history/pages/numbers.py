"""GET /cache/numbers: how much was said, by how many, what it cost and how well it went."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from history.numbers.summary import Summary, summed_up
from history.pages import figures
from history.pages.access import Viewer, for_viewers
from history.pages.addresses import query
from history.pages.drawings import Table, drawings
from history.pages.numbers_form import NumbersForm, today
from history.pages.numbers_kept import kept
from history.pages.tiles import tiles
from tenants.models import System

CARRIED = ("system_id", "from_date", "to_date")  # by the other pages, too
SPANS = ((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "A year"))
BY_SYSTEM = (
    *("System", "Messages", "Users", "Tokens", "Cost"),
    *("Failed", "Half within", "95 % within", "Likes", "Dislikes"),
)


@for_viewers
def numbers_page(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    form = NumbersForm(viewer, request.GET)
    context = {"viewer": viewer, "here": "numbers", "carried": query(request.GET, CARRIED), "form": form}
    if not form.is_valid():
        return render(request, "history/numbers.html", context, status=400)
    context["spans"] = list(spans(viewer, form))
    if form.systems:
        told = form.cleaned_data
        first, last = told["from_date"], told["to_date"]
        context |= kept(form.systems, first, last, lambda: shown(form.systems, first, last))
    return render(request, "history/numbers.html", context)


def shown(systems: list[System], first: date, last: date) -> dict[str, Any]:
    found = summed_up(systems, first, last)
    return {
        "period": found.period,
        "silent": not found.whole.messages,
        "tiles": list(tiles(found)),
        "drawings": list(drawings(found)),
        "errors": errors(found),
        "by_system": by_system(found, systems) if len(systems) > 1 else None,
        "zones": ", ".join(sorted({str(system.tz) for system in systems})),
    }


@dataclass(frozen=True, slots=True)
class Span:
    name: str
    address: str
    chosen: bool


def spans(viewer: Viewer, form: NumbersForm) -> Iterator[Span]:
    """The periods that end today."""
    told = form.cleaned_data
    last = today(viewer, told["system_id"])
    for days, name in SPANS:
        first = last - timedelta(days=days - 1)
        address = query({}, (), system_id=told["system_id"], from_date=first, to_date=last)
        chosen = (told["from_date"], told["to_date"]) == (first, last)
        yield Span(name, reverse("cache-numbers") + address, chosen)


def errors(found: Summary) -> Table | None:
    rows = [[code or "unknown", figures.count(turns)] for code, turns in found.whole.errors.most_common()]
    return Table(["Error", "Messages"], rows) if rows else None


def by_system(found: Summary, systems: list[System]) -> Table:
    return Table(BY_SYSTEM, [of_system(found, system) for system in systems])


def of_system(found: Summary, system: System) -> list[str]:
    tally = found.systems[system.pk]
    numbers = [figures.count(number) for number in (tally.messages, tally.users, tally.tokens)]
    cost = ", ".join(figures.price(amount, currency) for currency, amount in sorted(tally.cost.items()))
    took = [figures.took(tally.percentile(percent)) for percent in (50, 95)]
    rated = [figures.count(number) for number in (tally.likes, tally.dislikes)]
    return [system.name, *numbers, cost or figures.NOTHING, figures.count(tally.failed), *took, *rated]
