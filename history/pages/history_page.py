"""GET /cache: the conversations that match, and beside them the one that is open."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from history.filters import Filter, conversations, unnamed_turns
from history.pages.access import Viewer, for_viewers
from history.pages.addresses import FILTERS, OPENED, PLACE, query
from history.pages.filter_form import FilterForm, chips
from history.pages.listing import Listing, listing
from history.pages.thread import UNNAMED, Thread, found_conversation, thread_of, unnamed_thread

# What the page of numbers understands, too.
CARRIED = ("system_id", "from_date", "to_date")


@for_viewers
def history_page(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    return drawn(request, viewer, FilterForm(viewer, request.GET))


def drawn(request: HttpRequest, viewer: Viewer, form: FilterForm) -> HttpResponse:
    """The page, whatever is wrong with the address: each part says what is wrong with its own."""
    given = request.GET
    wanted = form.wanted() if form.is_valid() else None
    found = listed(viewer, wanted, given.get("after", ""), given.get("before", ""))
    unnamed = wanted is not None and any_unnamed(wanted, given)
    thread = opened(viewer, wanted, found, given)
    context = {
        "viewer": viewer,
        "here": "history",
        "carried": query(given, CARRIED),
        "form": form,
        "chips": list(chips(form)),
        "listing": found,
        "unnamed": unnamed,
        "nothing_yet": wanted and not (found.rows or found.lost or unnamed) and not any_for(viewer),
        "opening": bool(given.get("open")),
        "thread": thread,
        "links": links(request),
    }
    return render(request, "history/page.html", context, status=status(wanted, found, thread, given))


def listed(viewer: Viewer, wanted: Filter | None, after: str, before: str) -> Listing:
    return listing(viewer, wanted, after, before) if wanted else Listing([])


def any_unnamed(wanted: Filter, given: QueryDict) -> bool:
    """They stand above the first page of the list."""
    return not (given.get("after") or given.get("before")) and unnamed_turns(wanted).exists()


def opened(viewer: Viewer, wanted: Filter | None, found: Listing, given: QueryDict) -> Thread | None:
    """`first` and `last` are those of the list: so the keyboard goes on from one of its pages to the next."""
    number, after, before = given.get("open", ""), given.get("turns_after", ""), given.get("turns_before", "")
    if number == UNNAMED and wanted:
        return unnamed_thread(wanted, after, before)
    if number in ("first", "last") and found.rows:
        number = str(found.rows[0 if number == "first" else -1].conversation.pk)
    conversation = found_conversation(viewer, number)
    return thread_of(conversation, wanted, after, before) if conversation else None


def any_for(viewer: Viewer) -> bool:
    every = None if viewer.sees_all else tuple(viewer.systems)
    return conversations(Filter(systems=every, deleted=True)).exists()


def status(wanted: Filter | None, found: Listing, thread: Thread | None, given: QueryDict) -> int:
    if wanted is None or found.lost:
        return 400
    return 404 if given.get("open") and thread is None else 200


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of this page that keep the rest of it; a parameter can be put behind each."""

    filtered: str
    row: str
    turns: str
    query: str  # of the filters alone, for the exports
    close: str


def links(request: HttpRequest) -> Links:
    given, page = request.GET, reverse("cache-page")
    return Links(
        filtered=open_ended(page, query(given, FILTERS)),
        row=open_ended(page, query(given, FILTERS + PLACE)),
        turns=open_ended(page, query(given, FILTERS + PLACE + OPENED[:1])),
        query=query(given, FILTERS),
        close=page + query(given, FILTERS + PLACE),
    )


def open_ended(page: str, asked: str) -> str:
    return f"{page}{asked}&" if asked else f"{page}?"
