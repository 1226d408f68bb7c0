"""Every view has its address: the filters, the place in the list and the open conversation are its query."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

FILTERS = ("system_id", "user_id", "from_date", "to_date", "q", "status", "feedback")
PLACE = ("before", "after")  # in the list
OPENED = ("open", "turns_before", "turns_after")


def query(given: Mapping[str, str], keep: tuple[str, ...], **changes: Any) -> str:
    """`?…` with those of the parameters in `keep` that say something, and `changes`; empty if nothing is left."""
    told = {name: given.get(name, "") for name in keep} | changes
    made = QueryDict(mutable=True)
    for name, value in told.items():
        if value not in (None, ""):
            made[name] = str(value)
    return f"?{made.urlencode()}" if made else ""
