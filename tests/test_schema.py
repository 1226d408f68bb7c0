"""The published schema: a snapshot is committed, so that a change of the contract shows in the diff."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

SNAPSHOT = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"
RENEW = "The contract has changed. If that is meant, renew the snapshot: manage.py spectacular --file docs/openapi.yaml"


def generated() -> str:
    written = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=written)
    return written.getvalue()


def test_the_schema_is_valid_without_a_warning() -> None:
    assert generated().startswith("openapi: 3.")


def test_the_committed_snapshot_is_what_the_code_says() -> None:
    same = SNAPSHOT.read_text(encoding="utf-8").strip() == generated().strip()

    assert same, RENEW


@pytest.mark.django_db
def test_the_schema_is_served() -> None:
    response = Client().get("/schema")

    assert response.status_code == 200
    assert response.content.decode().strip() == SNAPSHOT.read_text(encoding="utf-8").strip(), RENEW


def test_every_operation_says_what_it_does_and_who_may_call() -> None:
    text = SNAPSHOT.read_text(encoding="utf-8")
    operations = text.count("operationId:")

    assert operations > 12
    assert text.count("summary:") >= operations
    assert text.count("security:") == operations


@pytest.mark.django_db
def test_the_docs_page_loads_nothing_from_elsewhere() -> None:
    response = Client().get("/docs")

    loaded = re.findall(r'<(?:script|link|img)[^>]*?(?:src|href)="([^"]+)"', response.content.decode())
    assert response.status_code == 200
    assert len(loaded) >= 3
    for address in loaded:
        assert address.startswith("/static/"), address
        assert finders.find(address.removeprefix("/static/")), address
    assert not re.search(r"""['"(]https?://(?!testserver)""", response.content.decode())
