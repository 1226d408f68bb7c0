"""Every error of the API is JSON of one shape, with a request id, and the log says where and never what."""

import io
import re
from typing import Any

import pytest

from tenants.caller import KeyHolder
from tests.gateway import Gateway

SECRET = "-".join(["the", "secret", "of", "alice"])  # in pieces, because a traceback quotes the line that raised


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: Any) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(KeyHolder, "caller", bug)


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/nothing", "/v1/chat/", "/v1/conversations/a/b/c", "/v1/%00", "/v1//chat"]
)
@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*", "image/png", "nonsense"])
def test_an_unknown_address_is_json(alice: Gateway, path: str, accept: str) -> None:
    response = alice.client.get(path, headers={**alice.headers, "Accept": accept})

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response["Content-Type"] == "application/json"
    assert response["X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat"),
        ("PUT", "/v1/chat"),
        ("DELETE", "/v1/conversations"),
        ("POST", "/v1/status"),
        ("GET", "/v1/files"),
    ],
)
def test_a_wrong_method_is_json(alice: Gateway, method: str, path: str) -> None:
    response = alice.send(method, path, b"")

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"]


def test_an_error_is_json_for_a_browser_too(alice: Gateway) -> None:
    response = alice.client.get("/v1/conversations", headers={"Accept": "text/html"})

    assert (response.status_code, response["Content-Type"]) == (401, "application/json")


def test_a_bug_is_json_with_a_request_id_and_nothing_else(alice: Gateway, broken: None) -> None:
    response = alice.say("Hello")

    assert (response.status_code, set(response.json())) == (500, {"detail", "code"})
    assert response.json()["code"] == "server_error"
    assert response["X-Request-ID"]
    assert SECRET not in response.text
    assert "Traceback" not in response.text


def test_the_log_of_a_bug_says_where_and_under_which_id(alice: Gateway, broken: None, log: io.StringIO) -> None:
    response = alice.say("my words")

    line = next(line for line in log.getvalue().splitlines() if "Internal Server Error" in line)
    assert response["X-Request-ID"] in line
    assert "RuntimeError" in log.getvalue()
    assert "test_errors.py" in log.getvalue()


def test_the_log_of_a_bug_has_nobodys_words_and_no_secret(alice: Gateway, broken: None, log: io.StringIO) -> None:
    alice.say("my words")

    for private in (SECRET, "my words", alice.headers["X-API-Key"]):
        assert private not in log.getvalue()


@pytest.mark.parametrize("given", ["abc-123", "A/b+c=:._", "x" * 128])
def test_the_callers_request_id_is_used(alice: Gateway, given: str) -> None:
    alice.headers = {**alice.headers, "X-Request-ID": given}

    assert alice.get("/v1/parameters")["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\r\nSet-Cookie: x", "한글", "<script>", "a\x00"])
def test_a_strange_request_id_is_replaced(alice: Gateway, given: str) -> None:
    alice.headers = {**alice.headers, "X-Request-ID": given}

    assert re.fullmatch("[0-9a-f]{32}", alice.get("/v1/parameters")["X-Request-ID"])


def test_every_answer_has_a_request_id_of_its_own(alice: Gateway) -> None:
    found = [alice.get(path)["X-Request-ID"] for path in ("/v1/parameters", "/v1/status", "/v1/nothing", "/healthz")]

    assert len(set(found)) == 4


def test_a_stream_has_one_too(alice: Gateway) -> None:
    response = alice.say("Hello", response_mode="streaming")
    b"".join(response.streaming_content)

    assert response["X-Request-ID"]


def test_a_host_that_is_not_ours_is_json(alice: Gateway) -> None:
    response = alice.client.get("/v1/conversations?user_id=alice", headers={**alice.headers, "Host": "evil.example"})

    assert response["Content-Type"] == "application/json"
