"""A person is looked up and erased in a real browser, on a phone and at a desk."""

from pathlib import Path
from typing import Any

import pytest

from dify.standin.server import StandIn
from history.models import Message
from tests.browser.test_admin import DESK, PHONE, fits, room
from tests.conftest import caller_by_key, new_system

__all__ = ["room"]

LONG = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@a-rather-long-name-without-a-break.example.com"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("room", [PHONE, DESK], indirect=True)
def test_a_person_is_erased_after_their_id_was_typed(
    room: Any,
    dify: StandIn,
    tmp_path: Path,
    settings: Any,
) -> None:
    backend = {"BACKEND": "history.archive.disk.PrivateFiles", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"archive": backend}
    caller_by_key(new_system("drillquiz", dify.url), LONG).say("Hello")
    wide = []

    def look(name: str) -> None:
        wide.extend([] if fits(room) else [name])

    room.get_by_role("link", name="Who has chatted").click()
    look("list")
    room.get_by_role("link", name=LONG).click()
    with room.expect_download() as download:
        room.get_by_role("button", name="Download everything (JSON)").click()
    assert "Hello" in Path(download.value.path()).read_text()
    look("person")
    room.get_by_role("link", name="Erase this person…").click()
    look("question")
    room.get_by_role("button", name="Erase this person").click()
    room.wait_for_selector("text=This field is required")
    assert Message.objects.exists()
    room.get_by_label("Type the user id").fill(LONG)
    room.get_by_role("button", name="Erase this person").click()
    room.wait_for_selector("text=Result: done")
    look("receipt")
    room.goto("/admin/history/erasure/")
    look("receipts")

    assert not Message.objects.exists()
    assert not dify.store.conversations
    assert wide == []
    assert not room.errors
