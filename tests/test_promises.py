"""What real Difys sent, through the gateway: every recorded exchange, and the promises of the contract about it.

For a stream they are: Dify's events in Dify's order and shape, exactly one terminal event which is the last, and the
same answer in the ledger as on the wire. For an error: the right status and code, and never Dify's own words.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from chatproxy import chat
from history.models import Message
from tenants.models import System
from tests.dify_recordings import VERSIONS, Recording, all_recordings, load, parse_events
from tests.gateway import Gateway
from tests.raw_server import UNTIL_CLOSED, RawServer, chunked, http

TERMINAL = ("message_end", "error")


def recorded(wanted: Any) -> list[Any]:
    found = [recording for version in VERSIONS for recording in all_recordings(version) if wanted(recording)]
    return [pytest.param(recording, id=f"{recording.version}-{recording.name}") for recording in found]


def of(method: str, path: str, *, suffix: str = "") -> Any:
    return lambda recording: (
        recording.request["method"] == method
        and recording.request["path"].startswith(path)
        and recording.request["path"].endswith(suffix)
    )


def is_chat(recording: Recording) -> bool:
    return (recording.request["method"], recording.request["path"]) == ("POST", "/v1/chat-messages")


def is_stream(recording: Recording) -> bool:
    return is_chat(recording) and recording.is_stream


STREAMS = recorded(is_stream)
REFUSALS = recorded(lambda recording: recording.name.startswith("b") and recording.status >= 400)
CUT_EVERYWHERE = [
    ("0.15.3", "a27_chat_streaming_crlf_and_controls"),
    ("1.13.2", "a27_chat_streaming_crlf_and_controls"),
]


def played(recording: Recording) -> list[bytes]:
    """The chunks as they came; a character that was cut between two is in the text of the first."""
    return [text.encode() for _, text in recording.chunks]


@pytest.fixture
def connect(drillquiz: System) -> Any:
    def connect_to(url: str) -> None:
        drillquiz.dify_base_url = url
        drillquiz.save()

    return connect_to


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Closed until our client listens, so that even a failure at once is an event and no status."""
    monkeypatch.setattr(chat, "FIRST_BYTE_WITHIN", 0)
    return threading.Event()


def streamed(alice: Gateway, gate: threading.Event) -> list[dict[str, Any]]:
    response = alice.say("Hello", response_mode="streaming")
    assert response.status_code == 200
    gate.set()
    blocks = b"".join(response.streaming_content).decode().split("\n\n")
    return parse_events("\n\n".join(block for block in blocks if not block.startswith(":")))


def behind(gate: threading.Event, pieces: Iterable[bytes]) -> Iterator[bytes]:
    gate.wait(10)
    yield from pieces


def before_the_end(recording: Recording) -> list[dict[str, Any]]:
    """What Dify said before the turn was over."""
    events = [event for event in recording.events() if event["event"] != "ping"]
    ends = [number for number, event in enumerate(events) if event["event"] in TERMINAL]
    return events[: ends[0]] if ends else events


def dify_end(recording: Recording) -> dict[str, Any] | None:
    return next((event for event in recording.events() if event["event"] in TERMINAL), None)


def fails(recording: Recording) -> bool:
    end = dify_end(recording)
    return end is None or end["event"] == "error"


def test_the_recordings_are_there() -> None:
    assert len(STREAMS) > 45
    assert len(REFUSALS) > 65


@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_keeps_its_promises(alice: Gateway, connect: Any, gate: threading.Event, recording: Recording) -> None:
    with RawServer(lambda _: behind(gate, chunked(played(recording)))) as server:
        connect(server.url)
        events = streamed(alice, gate)

    kept = Message.objects.get()
    assert [event["event"] for event in events if event["event"] in TERMINAL] == [events[-1]["event"]]
    assert events[:-1] == before_the_end(recording)
    assert kept.answer == recording.answer()
    if fails(recording):
        assert (events[-1]["event"], events[-1]["code"], events[-1]["status"]) == ("error", "upstream_error", 502)
        assert kept.status == "failed"
        assert "API" not in events[-1]["detail"]
    else:
        assert events[-1] == dify_end(recording)
        assert kept.status == "answered"


@pytest.mark.parametrize("recording", STREAMS)
def test_a_blocking_caller_gets_the_same_answer(alice: Gateway, connect: Any, recording: Recording) -> None:
    with RawServer(lambda _: chunked(played(recording))) as server:
        connect(server.url)
        response = alice.say("Hello")

    kept = Message.objects.get()
    answer, end = response.json(), dify_end(recording)
    if fails(recording):
        assert (response.status_code, answer["code"], kept.status) == (502, "upstream_error", "failed")
        assert end is None or (answer["dify_code"] == end["code"] and end["message"] not in response.text)
    else:
        assert end
        assert (response.status_code, kept.status) == (200, "answered")
        assert answer["answer"] == kept.answer == recording.answer()
        assert answer["metadata"] == end["metadata"]
        assert (answer["conversation_id"], answer["message_id"]) == (end["conversation_id"], end["message_id"])


@pytest.mark.parametrize("recording", REFUSALS)
@pytest.mark.parametrize("mode", ["blocking", "streaming"])
def test_a_refusal_is_plain_json_without_difys_words(
    alice: Gateway, connect: Any, recording: Recording, mode: str
) -> None:
    media_type = recording.headers["Content-Type"]
    with RawServer(lambda _: [http(recording.status, recording.body.encode(), media_type=media_type)]) as server:
        connect(server.url)
        response = alice.say("Hello", response_mode=mode)

    answer = response.json()
    missing = recording.status == 404 and media_type == "application/json"
    assert (response.status_code, answer["code"]) == ((404, "not_found") if missing else (502, "upstream_error"))
    assert (Message.objects.get().status, len(server.requests)) == ("failed", 1)
    if media_type == "application/json":
        assert missing or answer.get("dify_code") == recording.json().get("code")
        assert not difys_words(recording) or difys_words(recording) not in response.text


# How the bytes arrive -----------------------------------------------------------------------------------------


def bytewise(recording: Recording) -> list[bytes]:
    return [bytes([byte]) for byte in recording.body.encode()]


def assert_complete(alice: Gateway, recording: Recording) -> None:
    answer = alice.say("Hello").json()

    assert answer["answer"] == Message.objects.get().answer == recording.answer()


@pytest.mark.parametrize(("version", "name"), CUT_EVERYWHERE)
def test_a_stream_may_be_cut_at_every_byte(alice: Gateway, connect: Any, version: str, name: str) -> None:
    recording = load(version, name)
    with RawServer(lambda _: chunked(bytewise(recording))) as server:
        connect(server.url)
        assert_complete(alice, recording)


@pytest.mark.parametrize("size", [1, 7, 4096, 10**6])
def test_an_answer_without_chunks_ends_with_the_connection(alice: Gateway, connect: Any, size: int) -> None:
    recording = load("1.13.2", "a27_chat_streaming_crlf_and_controls")
    raw = recording.body.encode()
    pieces = [UNTIL_CLOSED, *(raw[at : at + size] for at in range(0, len(raw), size))]
    with RawServer(lambda _: pieces) as server:
        connect(server.url)
        assert_complete(alice, recording)


def test_an_answer_with_its_length_is_one_too(alice: Gateway, connect: Any) -> None:
    recording = load("0.15.3", "a03_chat_streaming_first")
    with RawServer(lambda _: [http(200, recording.body.encode(), media_type="text/event-stream")]) as server:
        connect(server.url)
        assert_complete(alice, recording)


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_lines_may_end_as_http_ends_them(alice: Gateway, connect: Any, line_end: str) -> None:
    recording = load("1.13.2", "a03_chat_streaming_first")
    with RawServer(lambda _: chunked([recording.body.replace("\n", line_end).encode()])) as server:
        connect(server.url)
        assert_complete(alice, recording)


def test_the_last_event_counts_without_its_blank_line(alice: Gateway, connect: Any) -> None:
    recording = load("1.13.2", "a03_chat_streaming_first")
    with RawServer(lambda _: chunked([recording.body.rstrip("\n").encode()])) as server:
        connect(server.url)
        assert_complete(alice, recording)


def test_the_end_is_told_at_once_though_dify_keeps_the_connection(alice: Gateway, connect: Any) -> None:
    recording = load("1.13.2", "a03_chat_streaming_first")
    pieces = list(chunked([recording.body.encode()]))[:-1]
    with RawServer(lambda _: pieces, hangs=True) as server:
        connect(server.url)
        assert_complete(alice, recording)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_stream_that_breaks_off_is_one_error_and_keeps_what_came(
    alice: Gateway, connect: Any, gate: threading.Event, share: float
) -> None:
    recording = load("1.13.2", "a07_chat_streaming_long")
    raw = recording.body.encode()
    pieces = list(chunked([raw[: int(len(raw) * share)]]))[:-1]
    with RawServer(lambda _: behind(gate, pieces)) as server:
        connect(server.url)
        events = streamed(alice, gate)

    said = "".join(event["answer"] for event in events if event["event"] == "message")
    assert [event["event"] for event in events if event["event"] in TERMINAL] == ["error"]
    assert Message.objects.get().answer == said
    assert recording.answer().startswith(said)
    assert said


@pytest.mark.parametrize(
    "odd",
    [
        b'data: {"event": "brand_new", "n": 1, "answer": {"not": "text"}}\n\n',
        b"data: not json\n\n",
        b"data: [1, 2]\n\n",
        b"data: null\n\n",
        b'data: {"event": null}\n\n',
        b'data: {"event": ["message"]}\n\n',
        b'data: {"event": "message", "answer": 7}\n\n',
        b'data: {"event": "message", "answer": null}\n\n',
        b'data: {"event": "workflow_finished", "data": null}\n\n',
        b'data: {"event": "agent_log", "data": {"\\ud800": "\\udfff"}}\n\n',
        b"event: ping\n\n",
        b": a comment\n\n",
        b"id: 7\nretry: 10\n\n",
        b"\n\n\n",
        b"nonsense\n\n",
        b"data:" + b"[" * 100_000 + b"\n\n",
        b"data: \xff\xfe\x00\n\n",
    ],
    ids=range(17),
)
def test_whatever_else_arrives_does_no_harm(alice: Gateway, connect: Any, gate: threading.Event, odd: bytes) -> None:
    """Newer versions send events that nobody has seen yet."""
    recording = load("1.13.2", "a03_chat_streaming_first")
    first, *rest = played(recording)
    with RawServer(lambda _: behind(gate, chunked([first, odd, *rest]))) as server:
        connect(server.url)
        events = streamed(alice, gate)

    assert events[-1] == dify_end(recording)
    assert Message.objects.get().answer == recording.answer()


def test_an_unknown_event_is_passed_through(alice: Gateway, connect: Any, gate: threading.Event) -> None:
    recording = load("1.13.2", "a03_chat_streaming_first")
    new = {"event": "brand_new", "depth": {"한글": [1, 2.5, None, True]}}
    pieces = [f"data: {json.dumps(new)}\n\n".encode(), *played(recording)]
    with RawServer(lambda _: behind(gate, chunked(pieces))) as server:
        connect(server.url)
        events = streamed(alice, gate)

    assert events[0] == new


# Everything that is no chat -----------------------------------------------------------------------------------

UNKNOWN = "0f5b0a1e-8f43-4a3e-9d0e-000000000000"
CALLS = [
    ("GET", "/v1/conversations", "", "GET", "/v1/conversations", {}),
    ("GET", "/v1/messages", "", "GET", f"/v1/conversations/{UNKNOWN}/messages", {}),
    ("GET", "/v1/messages/", "/suggested", "GET", f"/v1/messages/{UNKNOWN}/suggested", {}),
    ("GET", "/v1/parameters", "", "GET", "/v1/parameters", {}),
    ("POST", "/v1/conversations/", "/name", "POST", f"/v1/conversations/{UNKNOWN}/name", {"name": "New"}),
    ("DELETE", "/v1/conversations/", "", "DELETE", f"/v1/conversations/{UNKNOWN}", {}),
    ("POST", "/v1/messages/", "/feedbacks", "POST", f"/v1/messages/{UNKNOWN}/feedback", {"rating": "like"}),
    ("POST", "/v1/files/upload", "", "POST", "/v1/files", {}),
]
OTHERS = [
    pytest.param(recording.values[0], ours, path, body, id=f"{ours} {recording.id}")
    for method, prefix, suffix, ours, path, body in CALLS
    for recording in recorded(of(method, prefix, suffix=suffix))
    if prefix != "/v1/messages" or recording.values[0].request["path"] == prefix
]


@pytest.mark.parametrize(("recording", "method", "path", "body"), OTHERS)
def test_every_other_recorded_answer_becomes_one_of_the_contract(
    alice: Gateway, connect: Any, recording: Recording, method: str, path: str, body: dict[str, Any]
) -> None:
    with RawServer(lambda _: [answer_of(recording)]) as server:
        connect(server.url)
        response = call(alice, method, path, body)

    assert response.status_code == contracted(recording, method, path)
    assert not response.has_header("X-Gateway-Source")
    if response.status_code >= 400:
        assert set(response.json()) <= {"detail", "code", "dify_code"}
        assert not difys_words(recording) or difys_words(recording) not in response.text


def contracted(recording: Recording, method: str, path: str) -> int:
    """400, 404 and 413 are the caller's business, the rest is between the gateway and Dify."""
    if recording.status < 300:
        return 204 if method == "DELETE" else recording.status
    if recording.status == 400 and path.endswith("/suggested"):
        return 200  # suggestions that the app does not make are an empty list
    is_json = recording.headers["Content-Type"] == "application/json"
    return recording.status if is_json and recording.status in (400, 404, 413) else 502


def difys_words(recording: Recording) -> str:
    return str(recording.json().get("message") or "") if recording.headers["Content-Type"] == "application/json" else ""


def answer_of(recording: Recording) -> bytes:
    if recording.status == 204:
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    return http(recording.status, recording.body.encode(), media_type=recording.headers["Content-Type"])


def call(alice: Gateway, method: str, path: str, body: dict[str, Any]) -> Any:
    if path == "/v1/files":
        return alice.upload("a.png", b"x")
    return alice.send(method, path, {**alice.identity, **body}) if method != "GET" else alice.get(path)
