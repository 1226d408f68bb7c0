"""The Dify client against servers that behave in every way but well."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from dify import errors
from dify.client import DifyClient
from tests.raw_server import CHUNKED, UNTIL_CLOSED, Heard, RawServer, chunk, chunked, http

OK = http(200, b'{"opening_statement": ""}')
QUESTION: dict[str, Any] = {"query": "Hello", "user": "drillquiz_alice", "inputs": {}}
MESSAGE = b'data: {"event": "message", "answer": "a"}\n\n'
END = b'data: {"event": "message_end"}\n\n'


def client(server: RawServer) -> DifyClient:
    return DifyClient(server.url, "app-secret")


def asked(server: RawServer) -> list[dict[str, Any]]:
    """The events of one chat turn, read to its end."""
    stream = client(server).chat(QUESTION)
    try:
        return [event for event, _ in stream.events()]
    finally:
        stream.close()


def in_turn(*answers: bytes) -> Callable[[Heard], Iterator[bytes]]:
    """The first request gets the first answer, and so on; an empty one is a connection that breaks."""
    left = list(answers)
    return lambda _: iter([left.pop(0)])


# What is repeated, and what never -----------------------------------------------------------------------------


def test_a_chat_message_whose_connection_breaks_is_not_sent_again() -> None:
    with RawServer(in_turn(b"", OK)) as server:
        with pytest.raises(errors.DifyUnreachable):
            asked(server)
        time.sleep(0.2)

    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_chat_message_that_is_refused_is_not_sent_again(status: int) -> None:
    with RawServer(lambda _: [http(status, b"{}", "Retry-After: 0")]) as server, pytest.raises(errors.DifyError):
        asked(server)

    assert len(server.requests) == 1


@pytest.mark.parametrize("call", ["stop", "rename", "delete", "rate", "upload"])
def test_nothing_that_changes_something_is_sent_again(call: str) -> None:
    calls: dict[str, Callable[[DifyClient], Any]] = {
        "stop": lambda dify: dify.stop("task", "user"),
        "rename": lambda dify: dify.rename("user", "id", name="New"),
        "delete": lambda dify: dify.delete("user", "id"),
        "rate": lambda dify: dify.rate("user", "id", "like"),
        "upload": lambda dify: dify.upload("user", "a.txt", io.BytesIO(b"x"), "text/plain"),
    }
    with RawServer(in_turn(b"", OK)) as server, pytest.raises(errors.DifyUnreachable):
        calls[call](client(server))

    assert len(server.requests) == 1


@pytest.mark.parametrize("first", [b"", http(502, b""), http(503, b""), http(504, b"")])
def test_what_only_reads_is_asked_once_more(first: bytes) -> None:
    with RawServer(in_turn(first, OK)) as server:
        assert client(server).parameters() == {"opening_statement": ""}

    assert len(server.requests) == 2


def test_it_gives_up_after_the_second_time() -> None:
    with RawServer(lambda _: [http(503, b"")]) as server, pytest.raises(errors.DifyBroken):
        client(server).parameters()

    assert len(server.requests) == 2


# Connections --------------------------------------------------------------------------------------------------


def test_connections_are_kept() -> None:
    with RawServer(lambda _: [OK], keeps_alive=True) as server:
        for _ in range(5):
            client(server).parameters()

    assert (server.connections, len(server.requests)) == (1, 5)


@pytest.mark.parametrize("last", [[chunk(b"")], [b"0\r\n", b"\r\n"], [b"0\r\nX-Trailer: 1\r\n\r\n"]])
def test_a_stream_that_was_read_to_its_end_gives_its_connection_back(last: list[bytes]) -> None:
    def answer(heard: Heard) -> Iterator[bytes]:
        if heard.method == "GET":
            yield OK
            return
        yield from [CHUNKED, chunk(MESSAGE), chunk(END)]
        for piece in last:
            time.sleep(0.02)
            yield piece

    with RawServer(answer, keeps_alive=True) as server:
        for _ in range(3):
            assert [event["event"] for event in asked(server)] == ["message", "message_end"]
            time.sleep(0.05)
            client(server).parameters()

    assert len(server.requests) == 6


def test_a_connection_that_dify_closed_meanwhile_is_not_used_again() -> None:
    with RawServer(lambda heard: [OK] if heard.method == "GET" else chunked([MESSAGE, END])) as server:
        for _ in range(3):
            client(server).parameters()
            time.sleep(0.05)
            assert len(asked(server)) == 2


# Deadlines ----------------------------------------------------------------------------------------------------


def test_a_server_that_does_not_take_the_connection_is_unreachable(settings: LazySettings) -> None:
    settings.DIFY_CONNECT_TIMEOUT = 0.3
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        begun = time.monotonic()
        with pytest.raises(errors.DifyUnreachable):
            DifyClient(f"http://127.0.0.1:{full.getsockname()[1]}/v1", "app-x").parameters()
        for one in waiting:
            one.close()

    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("begin", [b"", CHUNKED, CHUNKED + chunk(MESSAGE), UNTIL_CLOSED + MESSAGE])
def test_silence_in_a_stream_is_a_timeout(settings: LazySettings, begin: bytes) -> None:
    settings.DIFY_IDLE_TIMEOUT = 0.2
    with RawServer(lambda _: [begin], hangs=True) as server, pytest.raises(errors.DifyTimeout):
        asked(server)


def dripping(begin: bytes, piece: bytes) -> Callable[[Heard], Iterator[bytes]]:
    def answer(heard: Heard) -> Iterator[bytes]:
        yield begin
        for _ in range(30):
            time.sleep(0.05)
            yield piece

    return answer


@pytest.mark.parametrize("begin", [CHUNKED, UNTIL_CLOSED], ids=["chunked", "until closed"])
def test_a_stream_that_only_drips_ends_with_its_total_time(settings: LazySettings, begin: bytes) -> None:
    settings.DIFY_TOTAL_TIMEOUT = 0.4
    piece = chunk(b": x\n\n") if begin == CHUNKED else b": x\n\n"
    started = time.monotonic()
    with RawServer(dripping(begin, piece)) as server, pytest.raises(errors.DifyTimeout):
        asked(server)

    assert time.monotonic() - started < 1.2


def test_an_answer_that_only_drips_ends_with_its_total_time(settings: LazySettings) -> None:
    settings.DIFY_READ_TIMEOUT = 0.4
    begin = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    started = time.monotonic()
    with RawServer(dripping(begin, b" ")) as server, pytest.raises(errors.DifyTimeout):
        client(server).parameters()

    assert time.monotonic() - started < 1.2


def test_both_attempts_together_have_the_time_of_one(settings: LazySettings) -> None:
    settings.DIFY_READ_TIMEOUT = 0.5
    started = time.monotonic()
    with RawServer(lambda _: [], hangs=True) as server, pytest.raises(errors.DifyTimeout):
        client(server).parameters()

    assert time.monotonic() - started < 0.9


# Caps ---------------------------------------------------------------------------------------------------------


def test_a_body_is_capped(settings: LazySettings) -> None:
    settings.DIFY_MAX_BODY_BYTES = 1000
    body = json.dumps({"x": "y" * 2000}).encode()
    with RawServer(lambda _: [http(200, body)]) as server, pytest.raises(errors.DifyAnswerTooLarge):
        client(server).parameters()


def test_the_body_of_an_error_is_capped_too(settings: LazySettings) -> None:
    settings.DIFY_MAX_BODY_BYTES = 1000
    with RawServer(lambda _: [http(400, b" " * 2000)]) as server, pytest.raises(errors.DifyError):
        client(server).parameters()


def test_a_line_without_end_is_refused() -> None:
    line = chunk(b"x" * 1024 * 1024)
    with RawServer(lambda _: [CHUNKED, *[line] * 20]) as server, pytest.raises(errors.DifyBroken):
        asked(server)


@pytest.mark.parametrize("size", [b"zz", b"", b"-5", b"0x5", b"1_0", b"F" * 30, b"x" * 5000])
def test_chunks_that_are_none_are_a_broken_connection(size: bytes, settings: LazySettings) -> None:
    settings.DIFY_IDLE_TIMEOUT = 0.5
    settings.DIFY_TOTAL_TIMEOUT = 2
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            asked(server)
        except errors.DifyError as error:
            failures.append(error)

    with RawServer(lambda _: [CHUNKED, chunk(MESSAGE), size + b"\r\n" + MESSAGE, MESSAGE]) as server:
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(4)

    assert not asking.is_alive()
    assert failures


# What it sends, and to whom -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with RawServer(lambda _: [OK]) as elsewhere:
        moved = http(status, b"", f"Location: {elsewhere.url}/parameters", "Connection: close")
        with RawServer(lambda _: [moved]) as server:
            for call in (client(server).parameters, lambda: asked(server)):
                with pytest.raises(errors.DifyMoved) as caught:
                    call()

    assert caught.value.location == f"{elsewhere.url}/parameters"
    assert (len(server.requests), elsewhere.requests) == (2, [])


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_no_proxy_of_the_environment_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(lambda _: [OK]) as proxy, RawServer(lambda _: [OK]) as server:
        monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        client(server).parameters()

    assert (len(server.requests), proxy.requests) == (1, [])


def test_no_password_of_a_netrc_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login root password toor\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with RawServer(lambda _: [OK]) as server:
        client(server).parameters()

    assert server.requests[0].headers["authorization"] == "Bearer app-secret"


def test_cookies_are_not_kept() -> None:
    with RawServer(lambda _: [http(200, b"{}", "Set-Cookie: who=alice; Path=/")]) as server:
        client(server).parameters()
        client(server).parameters()

    assert all("cookie" not in heard.headers for heard in server.requests)


def test_a_chat_message_is_plain_json_with_the_key_in_its_header() -> None:
    with RawServer(lambda _: chunked([MESSAGE, END])) as server:
        asked(server)

    heard = server.requests[0]
    assert (heard.method, heard.path) == ("POST", "/v1/chat-messages")
    assert (heard.headers["authorization"], heard.headers["content-type"]) == ("Bearer app-secret", "application/json")
    assert json.loads(heard.body) == {**QUESTION, "response_mode": "streaming"}


# What it makes of the answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http(200, b"<html>", media_type="text/html"), errors.DifyBroken),
        (http(200, b"[]"), errors.DifyBroken),
        (http(200, b"null"), errors.DifyBroken),
        (http(200, b""), errors.DifyBroken),
        (http(400, b'{"code": "invalid_param"}'), errors.DifyInvalid),
        (http(401, b'{"code": "unauthorized"}'), errors.DifyRefused),
        (http(404, b'{"code": "not_found"}'), errors.DifyMissing),
        (http(404, b"<html>", media_type="text/html"), errors.DifyBroken),
        (http(413, b"<html>", media_type="text/html"), errors.DifyTooLarge),
        (http(500, b'{"code": "unknown"}'), errors.DifyRefused),
        (http(500, b'{"code": 7}'), errors.DifyBroken),
        (b"nonsense\r\n\r\n", errors.DifyUnreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", errors.DifyUnreachable),
        (b"HTTP/1.1 abc OK\r\n\r\n", errors.DifyUnreachable),
    ],
)
def test_each_failure_has_its_type(answer: bytes, kind: type[errors.DifyError]) -> None:
    with RawServer(lambda _: [answer]) as server, pytest.raises(errors.DifyError) as caught:
        client(server).parameters()

    assert type(caught.value) is kind


@pytest.mark.parametrize("media_type", ["application/json", "text/html", "text/plain"])
def test_a_chat_answer_that_is_no_stream_is_refused(media_type: str) -> None:
    answer = http(200, b'{"answer": "x"}', media_type=media_type)
    with RawServer(lambda _: [answer]) as server, pytest.raises(errors.DifyBroken):
        asked(server)


def test_difys_words_are_kept_out_of_the_error_that_is_shown() -> None:
    body = b'{"code": "invalid_param", "message": "key sk-123 of Alice"}'
    with RawServer(lambda _: [http(400, body)]) as server, pytest.raises(errors.DifyInvalid) as caught:
        client(server).parameters()

    assert "sk-123" not in f"{caught.value!s} {caught.value!r} {caught.value.shown}"
    assert caught.value.message == "key sk-123 of Alice"


def test_unknown_events_are_passed_through() -> None:
    new = b'{"event":"brand_new","x":[1,{"y":null}]}'
    with RawServer(lambda _: chunked([b"data: " + new + b"\n\n", END])) as server:
        events = list(client(server).chat(QUESTION).events())

    assert events[0] == ({"event": "brand_new", "x": [1, {"y": None}]}, new)


def test_text_that_is_broken_is_mended() -> None:
    with RawServer(lambda _: chunked([b'data: {"event": "message", "answer": "a\xff\\ud800b"}\n\n', END])) as server:
        event = asked(server)[0]

    assert event["event"] == "message"
    assert event["answer"][0] + event["answer"][-1] == "ab"
    event["answer"].encode()


def test_a_list_without_rows_is_broken() -> None:
    with RawServer(lambda _: [http(200, b'{"data": null}')]) as server, pytest.raises(errors.DifyBroken):
        client(server).conversations("drillquiz_alice", limit=20)


def test_rows_that_are_none_are_left_out() -> None:
    with RawServer(lambda _: [http(200, b'{"data": [null, 7, {}, {"id": "a"}]}')]) as server:
        assert client(server).conversations("drillquiz_alice", limit=20)["data"] == [{"id": "a"}]


@pytest.mark.parametrize(
    "key",
    [
        "app-x\r\nX-Evil: 1",
        "app-키",
    ],
)
def test_a_key_that_is_none_is_an_error_of_dify(key: str) -> None:
    refused = http(401, b'{"code": "unauthorized"}')
    with RawServer(lambda _: [refused]) as server, pytest.raises(errors.DifyError):
        DifyClient(server.url, key).parameters()

    assert all("x-evil" not in heard.headers for heard in server.requests)
