"""Every row of a list that Dify pages, whatever the ties, moves and deletions meanwhile.

Dify continues a list strictly beyond the time of the row it is told, in whole seconds: what shares the second of a
page's last row would be missing from the next page. So the next page is asked for from the last row of the second
before, and overlaps. Only where one second fills a whole page does that not help: then the list is walked again in
other orders, and the union taken.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dify.client import JSONObject
from dify.errors import DifyBroken, DifyMissing

PAGE = 100  # Dify's most
MOST_PAGES = 10_000
PATIENCE = 3  # pages in a row that bring nothing new
# Rising orders first: a row that moves while they are walked is seen twice, and never missed.
ORDERS = ("created_at", "updated_at", "-created_at", "-updated_at")

Fetch = Callable[[str], JSONObject]  # the page after the row with this id, in the order of the walk


@dataclass
class Listing:
    rows: dict[str, JSONObject] = field(default_factory=dict)  # by id, as they came
    dropped: int = 0  # rows without an id
    crowded: bool = False  # more rows share a second than Dify can list

    def take(self, page: JSONObject) -> bool:
        """True if the page brought something new."""
        before = len(self.rows)
        self.rows |= {str(row["id"]): row for row in page["data"]}
        self.dropped = max(self.dropped, page.get("dropped", 0))
        return len(self.rows) > before

    def before(self, row_id: str, steps: int) -> str:
        """The id so many rows before this one; empty for the start of the list."""
        ids = list(self.rows)
        place = ids.index(row_id) - steps
        return ids[place] if place >= 0 else ""


def conversations(fetch: Callable[[str, str], JSONObject]) -> Listing:
    """All of one user's. `fetch(order, last_id)` asks for a page."""
    union = Listing()
    for order in ORDERS:
        found = walk(partial(fetch, order), order.lstrip("-"))
        union.rows = found.rows | union.rows
        union.dropped = max(union.dropped, found.dropped)
        if not found.crowded:
            return union
    # From both ends of a second no more than two pages of it can be seen.
    seconds = Counter(str(row.get("created_at")) for row in union.rows.values())
    union.crowded = max(seconds.values()) >= 2 * PAGE
    return union


def messages(fetch: Fetch) -> Listing:
    """All of one conversation, newest first. `fetch(first_id)` asks for a page, oldest first."""

    def newest_first(first_id: str) -> JSONObject:
        page = fetch(first_id)
        return page | {"data": page["data"][::-1]}

    return walk(newest_first, "created_at")


def walk(fetch: Fetch, column: str) -> Listing:
    """Raises DifyBroken if the list has no end, DifyMissing if it is not there at all."""
    found = Listing()
    after, idle, back = "", 0, 1
    for _ in range(MOST_PAGES):
        try:
            page = fetch(after)
        except DifyMissing:
            if not after:
                raise
            # That row was deleted meanwhile, and perhaps those before it: step back further each time.
            after, back = found.before(after, back), 2 * back
            idle += not after
        else:
            back = 1
            fresh = found.take(page)
            idle = 0 if fresh else idle + 1
            if not page.get("has_more") and not (fresh and is_full(page)):
                return found
            after, crowded = border(page["data"], column) if page["data"] else (after, False)
            found.crowded |= crowded
        if idle > PATIENCE:
            raise DifyBroken("Dify's list repeats itself without an end.")
    raise DifyBroken(f"Dify's list does not end after {MOST_PAGES:,} pages.")


def is_full(page: JSONObject) -> bool:
    """A full page may have cut its last second, even where Dify says that nothing follows."""
    limit = page.get("limit")
    return len(page["data"]) >= (limit if isinstance(limit, int) and 0 < limit < PAGE else PAGE)


def border(rows: list[JSONObject], column: str) -> tuple[str, bool]:
    """The id to go on after, so that the page's last second comes again whole; and whether that fills a page."""
    last: Any = rows[-1].get(column)
    earlier = [row for row in rows if row.get(column) != last]
    return str((earlier or rows)[-1]["id"]), not earlier
