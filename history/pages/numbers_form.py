"""Which systems' numbers, and of which days: read from the address, with the last thirty days if it says nothing."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from history.numbers.period import MOST_DAYS
from history.pages.access import Viewer
from history.pages.filter_form import day_field
from tenants.models import System

DAYS = 30
FIRST, LAST = date(2000, 1, 1), date(2100, 1, 1)  # around which the calendar of some library ends


class NumbersForm(forms.Form):
    system_id = forms.ChoiceField(
        label="System", required=False, error_messages={"invalid_choice": "You can see no such system."}
    )
    from_date = day_field("From")
    to_date = day_field("To")

    def __init__(self, viewer: Viewer, given: Mapping[str, str]) -> None:
        self.viewer = viewer
        super().__init__(filled_in(viewer, given), auto_id="filter-%s", use_required_attribute=False)
        choices = [(system.system_id, system.name) for system in viewer.systems]
        self.fields["system_id"].choices = [("", "All"), *choices]  # type: ignore[attr-defined]
        for name in self.errors:
            if name in self.fields:
                self.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"problem-{name}"}

    def clean(self) -> dict[str, Any]:
        told = self.cleaned_data
        for name in ("from_date", "to_date"):
            if told.get(name) and not FIRST <= told[name] <= LAST:
                self.add_error(name, f"Choose a day from {FIRST} to {LAST}.")
        if told.get("from_date") and told.get("to_date"):
            self.check_length((told["to_date"] - told["from_date"]).days + 1)
        return told

    def check_length(self, days: int) -> None:
        if days < 1:
            self.add_error("to_date", "This is before the first day.")
        elif days > MOST_DAYS:
            self.add_error("to_date", f"These are {days:,} days. Choose at most {MOST_DAYS}.")

    @property
    def systems(self) -> list[System]:
        """Of a valid form. Never more than the viewer may see."""
        chosen = self.viewer.system(self.cleaned_data["system_id"])
        return [chosen] if chosen else self.viewer.systems


def filled_in(viewer: Viewer, given: Mapping[str, str]) -> dict[str, str]:
    """What the address says, and for the rest the days that somebody would want to see."""
    told = {name: given.get(name, "").strip() for name in ("system_id", "from_date", "to_date")}
    if not told["to_date"]:
        told["to_date"] = str(shifted(told["from_date"], DAYS - 1) or today(viewer, told["system_id"]))
    if not told["from_date"]:
        told["from_date"] = str(shifted(told["to_date"], 1 - DAYS) or "")
    return told


def shifted(day: str, days: int) -> date | None:
    try:
        return date.fromisoformat(day) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def today(viewer: Viewer, system_id: str) -> date:
    """Where the day has begun already, if the systems' clocks differ."""
    chosen = viewer.system(system_id)
    zones = {system.tz for system in ([chosen] if chosen else viewer.systems)}
    return max((timezone.localdate(timezone=tz) for tz in zones), default=timezone.localdate())
