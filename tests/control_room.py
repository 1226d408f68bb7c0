"""The admin as a person uses it: opens a page, fills in what is there, presses a button."""

from html.parser import HTMLParser
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from tenants.models import System

ADD = "/admin/tenants/system/add/"


def superuser() -> "ControlRoom":
    return ControlRoom(User.objects.create_superuser("superuser"))


def operator(*systems: System) -> "ControlRoom":
    """Staff without any Django permission, and operator of these systems."""
    person = User.objects.create_user("operator", is_staff=True)
    person.systems.set(systems)
    return ControlRoom(person)


class ControlRoom:
    def __init__(self, person: User) -> None:
        self.person = person
        self.client = Client()
        self.client.force_login(person)

    def open(self, path: str) -> Any:
        return self.client.get(path)

    def page(self, system: System) -> str:
        return self.open(page_of(system)).content.decode()

    def save(self, path: str, button: str = "_save", **changes: Any) -> Any:
        """Changes fields of the system's form and presses one of its buttons; `None` clears a checkbox."""
        fields = {**form_fields(self.open(path).content.decode(), "system_form"), button: "1", **changes}
        return self.client.post(path, {name: value for name, value in fields.items() if value is not None})

    def press(self, view: str, system: System, *more: int, **fields: str) -> Any:
        return self.client.post(url(view, system, *more), fields)


def page_of(system: System) -> str:
    return reverse("admin:tenants_system_change", args=[system.pk])


def url(view: str, system: System, *more: int) -> str:
    return reverse(f"admin:tenants_system_{view}", args=[system.pk, *more])


def told(response: Any) -> list[str]:
    """The messages that this answer leaves for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def logged(system: System) -> list[str]:
    """The system's history, oldest first."""
    return [entry.get_change_message() for entry in LogEntry.objects.filter(object_id=system.pk).order_by("pk")]


def form_fields(html: str, form_id: str) -> dict[str, Any]:
    """What a browser would send if nobody changed anything."""
    reader = FormReader(form_id)
    reader.feed(html)
    assert reader.found, f"There is no form {form_id} on this page."
    return reader.fields


class FormReader(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.fields: dict[str, Any] = {}
        self.found = self.inside = False
        self.choosing = self.writing = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.form_id
            self.found = self.found or self.inside
        elif self.inside:
            self.field(tag, given)

    def field(self, tag: str, given: dict[str, str | None]) -> None:
        name = given.get("name") or ""
        if tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            default = "on" if given.get("type") == "checkbox" else ""
            self.fields[name] = given.get("value") or default
        elif tag == "textarea":
            self.writing, self.fields[name] = name, ""
        elif tag == "select":
            self.choosing = name
        elif tag == "option" and "selected" in given:
            self.fields[self.choosing] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self.writing:
            self.fields[self.writing] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.fields[self.writing] = self.fields[self.writing].removeprefix("\n")
            self.writing = ""
        self.inside = self.inside and tag != "form"
