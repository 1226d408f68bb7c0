"""The reader of server-sent events, fed as a socket would feed it."""

import pytest

from dify.errors import DifyBroken
from dify.sse import MAX_LINE_BYTES, Event, EventReader
from tests.dify_recordings import load


def read(*chunks: bytes, **options: int) -> list[Event]:
    reader = EventReader(**options)
    return [event for chunk in chunks for event in reader.feed(chunk)] + list(reader.end())


def test_an_event_is_its_name_and_its_data() -> None:
    assert read(b'event: message\ndata: {"a": 1}\n\n') == [Event("message", b'{"a": 1}')]


def test_a_ping_has_no_data() -> None:
    assert read(b"event: ping\n\n") == [Event("ping", b"")]


def test_lines_of_data_are_joined() -> None:
    assert read(b"data: one\ndata: two\n\n") == [Event("", b"one\ntwo")]


@pytest.mark.parametrize("noise", [b": a comment\n", b":\n", b"id: 7\n", b"retry: 10\n", b"nonsense\n", b"x: y\n"])
def test_comments_and_other_fields_are_skipped(noise: bytes) -> None:
    assert read(noise + b"data: one\n" + noise + b"\n" + noise + b"\n") == [Event("", b"one")]


def test_one_space_after_the_colon_is_dropped() -> None:
    assert read(b"data:one\n\ndata:  two\n\n") == [Event("", b"one"), Event("", b" two")]


@pytest.mark.parametrize("text", ["a\u2028b", "a\u2029b", "a\x85b", "a\x0bb", "a\x0cb", "a\x1eb", "a\rb"])
def test_a_line_ends_at_lf_only(text: str) -> None:
    assert read(f"data: {text}\n\n".encode()) == [Event("", text.encode())]


def test_a_cr_before_the_lf_is_dropped() -> None:
    assert read(b"data: one\r\n\r\ndata: two\r", b"\n\r\n") == [Event("", b"one"), Event("", b"two")]


def test_a_stream_may_be_cut_in_two_anywhere() -> None:
    raw = 'event: a\ndata: 한글 🙂\r\n\r\n: c\n\ndata: "\u2028"\n\nevent: ping\n\n'.encode()
    whole = read(raw)

    assert len(whole) == 3
    assert all(read(raw[:at], raw[at:]) == whole for at in range(len(raw) + 1))
    assert read(*(bytes([byte]) for byte in raw)) == whole


@pytest.mark.parametrize("version", ["0.15.3", "1.13.2"])
def test_a_recorded_stream_reads_the_same_in_pieces_of_any_size(version: str) -> None:
    raw = load(version, "a27_chat_streaming_crlf_and_controls").body.encode()
    whole = read(raw)

    assert len(whole) > 20
    for size in (1, 2, 3, 5, 64, 1000):
        assert read(*(raw[at : at + size] for at in range(0, len(raw), size))) == whole


def test_an_event_comes_as_soon_as_its_blank_line_does() -> None:
    reader = EventReader()

    assert list(reader.feed(b"data: one\n")) == []
    assert list(reader.feed(b"\nda")) == [Event("", b"one")]


def test_the_last_event_counts_without_its_blank_line() -> None:
    assert read(b"data: one") == [Event("", b"one")]


@pytest.mark.parametrize("stream", [b"", b"\n\n\n", b"\r\n\r\n", b": only comments\n\n"])
def test_nothing_is_no_event(stream: bytes) -> None:
    assert read(stream) == []


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = EventReader(max_line_bytes=1000)
    list(reader.feed(b"data: " + b"x" * 900))

    with pytest.raises(DifyBroken):
        list(reader.feed(b"x" * 100))


def test_a_long_line_that_ends_is_fine() -> None:
    data = b"x" * (MAX_LINE_BYTES // 2)

    assert read(b"data: " + data + b"\n\n") == [Event("", data)]


def test_a_name_that_is_no_text_does_no_harm() -> None:
    assert read(b"event: \xff\xfe\n\n") == [Event("��", b"")]
