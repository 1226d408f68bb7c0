"""The filters as they stand in the address: read, checked, and said again in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from history.filters import UNRATED, Filter
from history.models import Message
from history.pages.access import Viewer
from history.pages.addresses import FILTERS, query
from history.search.words import MAX_CHARACTERS, MAX_WORDS, words_of
from tenants.caller import MAX_USER_ID

A_DAY = "Write a day like 2026-11-30."
STATUSES = [("", "Any"), *[(value, value.capitalize()) for value in reversed(Message.Status.values)]]
FEEDBACK = [("", "Any"), ("like", "Liked"), ("dislike", "Disliked"), (UNRATED, "Not rated")]


def day_field(label: str) -> forms.DateField:
    messages = {"invalid": A_DAY}
    widget = forms.DateInput(attrs={"type": "date"})
    return forms.DateField(
        label=label, required=False, input_formats=["%Y-%m-%d"], widget=widget, error_messages=messages
    )


def choice_field(label: str, choices: list[tuple[str, str]]) -> forms.ChoiceField:
    message = f"Choose one of: {', '.join(value for value, _ in choices if value)}."
    return forms.ChoiceField(label=label, required=False, choices=choices, error_messages={"invalid_choice": message})


class FilterForm(forms.Form):
    q = forms.CharField(label="Words", required=False, max_length=MAX_CHARACTERS)
    system_id = forms.ChoiceField(
        label="System", required=False, error_messages={"invalid_choice": "You can see no such system."}
    )
    user_id = forms.CharField(label="User", required=False, max_length=MAX_USER_ID)
    from_date = day_field("From")
    to_date = day_field("To")
    status = choice_field("Status", STATUSES)
    feedback = choice_field("Feedback", FEEDBACK)

    def __init__(self, viewer: Viewer, given: Any) -> None:
        super().__init__(given, auto_id="filter-%s", use_required_attribute=False)
        self.viewer = viewer
        choices = [(system.system_id, system.name) for system in viewer.systems]
        self.fields["system_id"].choices = [("", "All"), *choices]  # type: ignore[attr-defined]
        self.fields["q"].widget.attrs |= {"type": "search", "enterkeyhint": "search", "autocomplete": "off"}
        self.fields["user_id"].widget.attrs |= {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        for name in self.errors:
            if name in self.fields:
                self.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"problem-{name}"}

    def clean_q(self) -> str:
        if len(words_of(self.cleaned_data["q"])) > MAX_WORDS:
            raise ValidationError(f"Search for at most {MAX_WORDS} words.")
        return str(self.cleaned_data["q"])

    def clean(self) -> dict[str, Any]:
        told = self.cleaned_data
        if told.get("from_date") and told.get("to_date") and told["to_date"] < told["from_date"]:
            self.add_error("to_date", "This is before the first day.")
        return told

    def wanted(self) -> Filter:
        """Of a valid form. Never more than the viewer may see."""
        told = {name: value for name, value in self.cleaned_data.items() if value and name != "system_id"}
        chosen = self.viewer.system(self.cleaned_data["system_id"])
        every = None if self.viewer.sees_all else tuple(self.viewer.systems)
        return Filter(systems=(chosen,) if chosen else every, deleted=True, **told)


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter that narrows, and the address of the page without it."""

    label: str
    value: str
    without: str


def chips(form: FilterForm) -> Iterator[Chip]:
    for field in form:
        if value := form.data.get(field.name, "").strip():
            shown = dict(getattr(field.field, "choices", [])).get(value, value)
            yield Chip(str(field.label), str(shown), query(form.data, FILTERS, **{field.name: None}))
