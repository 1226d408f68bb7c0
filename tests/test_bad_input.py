"""Bodies and headers that make no sense: the contract's JSON error at once, nothing asked, nothing recorded."""

import json
import time
from typing import Any

import pytest

from dify.standin.server import StandIn
from history.models import Conversation, Message
from tests.gateway import Gateway


def assert_refused(response: Any, dify: StandIn, status: int = 400, code: str = "invalid") -> None:
    answer = response.json()
    assert (response.status_code, answer["code"]) == (status, code), answer
    assert set(answer) <= {"detail", "code", "errors"}
    assert isinstance(answer["detail"], str)
    assert response["Content-Type"] == "application/json"
    assert response["X-Request-ID"]
    assert not dify.requests
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()


def post(alice: Gateway, raw: bytes, media_type: str = "application/json") -> Any:
    return alice.client.generic("POST", "/v1/chat?user_id=alice", raw, media_type, headers=alice.headers)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message", None),
        ("message", ""),
        ("message", " \n\t\u3000"),
        ("message", ["Hello"]),
        ("message", {"text": "Hello"}),
        ("message", True),
        ("inputs", "ko"),
        ("inputs", ["ko"]),
        ("inputs", 7),
        ("inputs", None),
        ("conversation_id", "not-a-uuid"),
        ("conversation_id", ["x"]),
        ("conversation_id", "../files"),
        ("files", "x"),
        ("files", {"type": "image"}),
        ("files", [None]),
        ("response_mode", "sometimes"),
        ("response_mode", ["streaming"]),
        ("system_id", 7),
        ("system_id", ["drillquiz"]),
    ],
)
def test_a_field_that_makes_no_sense_is_named(alice: Gateway, dify: StandIn, field: str, value: Any) -> None:
    response = alice.send("POST", "/v1/chat", {"user_id": "alice", "message": "Hello", field: value})

    assert_refused(response, dify)
    assert list(response.json()["errors"]) == [field]


def test_a_missing_message_is_named(alice: Gateway, dify: StandIn) -> None:
    response = alice.post("/v1/chat")

    assert_refused(response, dify)
    assert response.json()["errors"] == {"message": ["This field is required."]}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"not json",
        b'{"message": "Hello",}',
        b"{'message': 'Hello'}",
        b'{"message": NaN}',
        b'{"message": Infinity}',
        b'\xff\xfe{"message": "Hello"}',
        '{"message": "Hello"}'.encode("utf-16"),
        b'{"message": "\xff\xfe"}',
        b'{"message": "\xed\xa0\x80"}',
        b'{"message": "lone \\ud800 surrogate"}',
        b'{"message": "other \\udc00 half"}',
        b'{"message": "NUL \\u0000 inside"}',
        b'{"message": "Hello", "inputs": {"a\\u0000b": 1}}',
        b'{"message": "Hello", "inputs": {"a": [{"b": "\\u0000"}]}}',
        b'{"message": "raw \x00 NUL"}',
        b"[]",
        b"null",
        b"7",
        b'"Hello"',
        b'[{"message": "Hello"}]',
        b"[" * 100_000,
        b'{"message": "Hello", "inputs": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
        b'{"message": "Hello", "inputs": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"message": ' + b"9" * 5000 + b"}",
    ],
    ids=range(26),
)
def test_a_body_that_is_no_proper_json_object_is_refused(alice: Gateway, dify: StandIn, raw: bytes) -> None:
    begun = time.monotonic()
    response = post(alice, raw)

    assert_refused(response, dify)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "", "x"],
)
def test_another_content_type_is_refused(alice: Gateway, dify: StandIn, media_type: str) -> None:
    assert_refused(post(alice, b'{"message": "Hello"}', media_type), dify)


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;x"])
def test_json_may_be_announced_in_many_ways(alice: Gateway, media_type: str) -> None:
    assert post(alice, b'{"message": "Hello"}', media_type).status_code == 200


def test_a_message_of_a_megabyte_is_too_large(alice: Gateway, dify: StandIn) -> None:
    begun = time.monotonic()
    response = alice.say("x" * 1024 * 1024)

    assert_refused(response, dify, 413, "too_large")
    assert time.monotonic() - begun < 1


def test_a_body_of_20_megabytes_is_too_large(alice: Gateway, dify: StandIn) -> None:
    assert_refused(post(alice, b'{"message": "' + b"x" * 20 * 1024 * 1024), dify, 413, "too_large")


def test_a_long_message_that_fits_is_fine(alice: Gateway) -> None:
    assert alice.say("한" * 30_000).status_code == 200
    assert len(Message.objects.get().query) == 30_000


@pytest.mark.parametrize("message", ["\u2028", "e\u0301", "🏳️‍🌈", "\x07bell", "\ufeffBOM", "‮rtl", "%s {0} \\", "a\r\nb"])
def test_odd_text_is_no_bad_text(alice: Gateway, dify: StandIn, message: str) -> None:
    alice.say(f"[{message}]")

    assert dify.requests[-1].json["query"] == Message.objects.get().query == f"[{message}]"


def test_fields_nobody_asked_for_are_ignored(alice: Gateway, dify: StandIn) -> None:
    response = alice.say(
        "Hello", user="mallory", auto_generate_name=False, query="Other", workflow_id="x", __proto__={}
    )

    assert response.status_code == 200
    assert set(dify.requests[-1].json) == {"query", "inputs", "user", "files", "response_mode"}
    assert (dify.requests[-1].json["user"], dify.requests[-1].json["query"]) == ("drillquiz_alice", "Hello")


def test_of_two_fields_with_one_name_the_last_counts(alice: Gateway, dify: StandIn) -> None:
    post(alice, b'{"message": "One", "message": "Two"}')

    assert dify.requests[-1].json["query"] == "Two"


def test_who_says_two_different_users_is_taken_by_the_body(alice: Gateway, dify: StandIn) -> None:
    """Both are the key holder's to choose; a token's holder could name neither."""
    alice.client.generic(
        "POST",
        "/v1/chat?user_id=bob",
        json.dumps({"message": "Hello", "user_id": "alice"}),
        "application/json",
        headers=alice.headers,
    )

    assert dify.requests[-1].json["user"] == "drillquiz_alice"


@pytest.mark.parametrize("query", ["user_id=%ff%fe", "user_id=a%00b", "user_id=%ed%a0%80", "user_id=", "user_id=%0a"])
def test_an_address_with_broken_text_is_refused(alice: Gateway, dify: StandIn, query: str) -> None:
    for path in ("/v1/conversations", "/v1/parameters"):
        assert_refused(alice.client.get(f"{path}?{query}", headers=alice.headers), dify)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/conversations/{id}/name"),
        ("DELETE", "/v1/conversations/{id}"),
        ("POST", "/v1/messages/{id}/feedback"),
        ("POST", "/v1/chat/{id}/stop"),
    ],
)
@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b'{"user_id": "a\\u0000b"}', b'{"user_id": ["alice"]}'])
def test_every_body_is_read_as_carefully(alice: Gateway, dify: StandIn, method: str, path: str, raw: bytes) -> None:
    address = path.format(id="0f5b0a1e-8f43-4a3e-9d0e-000000000000")

    assert_refused(alice.send(method, address, raw), dify)
