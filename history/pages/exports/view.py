"""GET /cache/export.csv, .jsonl and .md: the filters are those of the history page."""

import logging
from collections.abc import Iterator
from types import ModuleType

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from history.filters import Filter
from history.pages.access import Viewer, for_viewers
from history.pages.exports import as_csv, as_json_lines, as_markdown
from history.pages.exports.rows import Exported, exported
from history.pages.filter_form import FilterForm
from history.pages.history_page import drawn
from tenants.models import System

logger = logging.getLogger(__name__)

FORMATS = {"csv": as_csv, "jsonl": as_json_lines, "md": as_markdown}


@for_viewers
def export(request: HttpRequest, viewer: Viewer, ending: str) -> HttpResponseBase:
    form = FilterForm(viewer, request.GET)
    if not form.is_valid():
        return drawn(request, viewer, form)
    written, name = FORMATS[ending], f"{file_name(form, viewer)}.{ending}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Accel-Buffering": "no",  # a proxy would wait for the end
    }
    if request.method == "HEAD":
        return HttpResponse(content_type=written.CONTENT_TYPE, headers=headers)
    content = stream(written, title(form, viewer), Export(ending, viewer, form))
    return StreamingHttpResponse(content, content_type=written.CONTENT_TYPE, headers=headers)


class Export:
    """Who takes what away, for the log: filters by their names, never the words that were looked for."""

    def __init__(self, ending: str, viewer: Viewer, form: FilterForm) -> None:
        self.wanted: Filter = form.wanted()
        self.systems: list[System] = viewer.systems
        named = self.wanted.systems
        filters = [name for name, value in form.cleaned_data.items() if value]
        self.what = (
            f"{ending} by {viewer.name}, systems: {','.join(one.system_id for one in named) if named else 'all'}, "
            f"filters: {','.join(filters) or 'none'}"
        )
        self.turns = 0

    def batches(self) -> Iterator[list[Exported]]:
        for batch in exported(self.wanted, self.systems):
            self.turns += len(batch)
            yield batch


def stream(written: ModuleType, title: str, export: Export) -> Iterator[bytes]:
    """Closed in mid-stream if the client goes away; nothing is held then that would have to be given back."""
    logger.info("Export begun: %s", export.what)
    ended = "stopped"
    try:
        yield written.head(title)
        yield from written.body(export.batches())
        ended = "complete"
    finally:
        logger.info("Export %s after %d turns: %s", ended, export.turns, export.what)


def file_name(form: FilterForm, viewer: Viewer) -> str:
    return "-".join(["history", *scope(form, viewer)])


def title(form: FilterForm, viewer: Viewer) -> str:
    return " ".join(["History:", *scope(form, viewer)])


def scope(form: FilterForm, viewer: Viewer) -> list[str]:
    """Which system and which period; without one, up to today."""
    told = form.cleaned_data
    only = viewer.systems[0].system_id if len(viewer.systems) == 1 else "all"
    begin = [f"from-{told['from_date']}"] if told["from_date"] else []
    return [told["system_id"] or only, *begin, f"until-{told['to_date'] or timezone.localdate()}"]
