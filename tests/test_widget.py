"""GET /widget.js, and what can be said of the script without a browser."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from django.test import Client

from chatproxy.widget import SOURCE
from chatproxy.widget_texts import texts

LANGUAGES = ["en", "es", "ko", "zh", "ja"]


@pytest.fixture
def answer() -> Any:
    return Client().get("/widget.js")


def test_it_is_a_script_that_other_sites_may_load(answer: Any) -> None:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.content == SOURCE.read_bytes()


def test_it_needs_no_cookie_and_sets_none(answer: Any) -> None:
    assert not answer.cookies
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_it_is_kept_for_a_while_and_asked_about_again(answer: Any) -> None:
    assert "public" in answer.headers["Cache-Control"]
    again = Client().get("/widget.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert Client().get("/widget.js", headers={"If-None-Match": '"older"'}).status_code == 200


def test_it_is_only_there_to_be_read() -> None:
    assert Client().post("/widget.js").status_code == 405


def test_it_weighs_less_than_10_kb(answer: Any) -> None:
    assert len(answer.content) < 10_000


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_it_is_valid_javascript() -> None:
    subprocess.run(["node", "--check", SOURCE], check=True)  # noqa: S607


def test_it_needs_nothing_that_a_strict_policy_forbids() -> None:
    source = re.sub(r"/\*.*?\*/", "", SOURCE.read_text(), flags=re.DOTALL)
    for forbidden in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", '"style"', "<style"):
        assert forbidden not in source


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_says_what_the_token_endpoint_says(lang: str) -> None:
    """The same words twice: the widget's own are needed before, and while, the gateway cannot be asked."""
    found = re.search(rf"^    {lang}: (\[.*\]),$", SOURCE.read_text(), re.MULTILINE)
    assert found

    said = texts(lang)
    assert json.loads(found[1]) == [said[name] for name in ("title", "open", "close", "tokenError", "loading")]
