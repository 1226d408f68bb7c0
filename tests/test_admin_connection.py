"""What "Save and test connection" says, against real servers of every kind of wrong."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import LazySettings
from django.db import connection

from dify.http import adapter
from dify.standin.server import StandIn, running_standin
from tenants.connection import Verdict
from tenants.connection import tested as judged
from tenants.models import System
from tests.control_room import page_of, superuser, told

KEY = "app-demo-chat"
PARAMETERS = {"user_input_form": [], "opening_statement": ""}
NOT_FOUND = (404, "text/html", b"<!doctype html><title>404 Not Found</title>")
NOT_CHAT = (400, "application/json", b'{"code": "not_chat_app", "message": "", "status": 400}')

Answer = tuple[int, str, bytes]


def as_json(value: object, status: int = 200) -> Answer:
    return status, "application/json", orjson.dumps(value)


def error(status: int, code: str) -> Answer:
    return as_json({"code": code, "message": "whatever", "status": status}, status)


@contextmanager
def server(
    answers: Mapping[str, Answer], otherwise: Answer = NOT_FOUND, **headers: str
) -> Iterator[ThreadingHTTPServer]:
    """Answers by path, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, media_type, body = answers.get(self.path.partition("?")[0], otherwise)
            self.send_response(status)
            fields = {"Content-Type": media_type, "Content-Length": str(len(body)), **headers}
            for name, value in fields.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def url_of(running: ThreadingHTTPServer, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{running.server_port}/v1"


def verdict_on(answers: Mapping[str, Answer], otherwise: Answer = NOT_FOUND, **headers: str) -> Verdict:
    with server(answers, otherwise, **headers) as running:
        return judged(url_of(running), KEY)


# What works ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("chat", "“Demo chat” answers (a chat assistant)"),
        ("chatflow", "“Demo chatflow” answers (a chatflow)"),
        ("agent", "“Demo agent” answers (an agent)"),
    ],
)
def test_every_kind_of_chat_app_works(dify: StandIn, kind: str, words: str) -> None:
    assert judged(dify.url, f"app-demo-{kind}") == Verdict(True, f"The connection works: the app {words}.")


def test_an_old_dify_does_not_tell_the_kind() -> None:
    with running_standin("0.15.3") as old:
        assert judged(old.url, KEY) == Verdict(True, "The connection works: the app “Demo chat” answers.")


@pytest.mark.parametrize("absent", [NOT_FOUND, error(404, "not_found"), (405, "text/html", b"")])
def test_a_dify_without_info_is_judged_by_its_parameters(absent: Answer) -> None:
    answers = {"/v1/info": absent, "/v1/parameters": as_json(PARAMETERS), "/v1/conversations": as_json({"data": []})}

    assert verdict_on(answers) == Verdict(True, "The connection works: the app answers.")


@pytest.mark.parametrize("path", ["", "/", "/v1/", "/v1/v1"])
def test_a_v1_too_many_or_too_few_is_understood(dify: StandIn, path: str) -> None:
    assert judged(dify.url.removesuffix("/v1") + path, KEY).works


def test_it_only_reads(dify: StandIn) -> None:
    judged(dify.url, KEY)

    assert {request.method for request in dify.requests} == {"GET"}


# What Dify refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.15.3", "1.13.2"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wrong", "Dify refuses the app key."),
        ("disabled", "Dify says that the API of this app is disabled."),
        ("completion", "Connected, but the app “Demo completion” is not a chat app"),
    ],
)
def test_what_dify_refuses_is_said_in_words(version: str, kind: str, words: str) -> None:
    with running_standin(version) as standin:
        verdict = judged(standin.url, f"app-demo-{kind}")

    assert not verdict.works
    assert verdict.sentence.startswith(words)


def test_a_workflow_is_not_a_chat_app() -> None:
    answers = {"/v1/info": as_json({"name": "Sums", "mode": "workflow"}), "/v1/parameters": as_json(PARAMETERS)}

    assert "the app “Sums” is not a chat app but a workflow app." in verdict_on(answers).sentence


def test_without_info_the_error_code_tells_that_it_is_not_a_chat_app() -> None:
    answers = {"/v1/parameters": as_json(PARAMETERS), "/v1/conversations": NOT_CHAT}

    verdict = verdict_on(answers)

    assert not verdict.works
    assert verdict.sentence.startswith("Connected, but the app is not a chat app.")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(400, "app_unavailable"), "Publish it in Dify"),
        (error(429, "too_many_requests"), "Dify refuses the request (HTTP 429, code too_many_requests)."),
        (error(500, "internal_server_error"), "Dify fails with an internal error (HTTP 500)."),
        ((500, "text/html", b"Internal Server Error"), "Dify fails with an internal error (HTTP 500)."),
        ((502, "text/html", b"Bad Gateway"), "A proxy answers at 127.0.0.1:"),
    ],
)
def test_other_refusals_are_said_in_words_too(answer: Answer, words: str) -> None:
    verdict = verdict_on({}, answer)

    assert not verdict.works
    assert words in verdict.sentence


# Wrong addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [NOT_FOUND, (200, "text/html", b"<h1>Shop</h1>"), as_json({"ok": True}), as_json([]), (401, "text/html", b"")],
)
def test_a_server_that_is_no_dify_is_a_wrong_url(answer: Answer) -> None:
    verdict = verdict_on({}, answer)

    assert not verdict.works
    assert verdict.sentence.startswith("Wrong base URL: a web server answers at http://127.0.0.1:")


def test_a_redirect_says_where_to() -> None:
    moved = (301, "text/html", b"")

    verdict = verdict_on({}, moved, Location="https://dify.example.com/v1/info")

    assert verdict.sentence == (
        "Wrong base URL: it redirects. Use https://dify.example.com/v1 instead, if that is your Dify."
    )


def test_a_redirect_to_a_page_says_so_without_its_query() -> None:
    verdict = verdict_on({}, (302, "text/html", b""), Location="/signin?next=secret")

    assert verdict.sentence.startswith("Wrong base URL: it is not Dify's API, since it redirects to http://127.0.0.1:")
    assert verdict.sentence.endswith("/signin.")


def test_a_redirect_is_not_followed_with_the_key(dify: StandIn) -> None:
    assert not verdict_on({}, (307, "text/html", b""), Location=f"{dify.url}/info").works
    assert not dify.requests


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        verdict = judged(f"http://127.0.0.1:{port}", KEY)

    assert verdict.sentence.startswith(f"127.0.0.1:{port} cannot be reached.")
    assert "Inside a container, localhost is the container itself." in verdict.sentence


def test_a_name_that_does_not_resolve_is_said_to_be_unknown() -> None:
    verdict = judged("https://dify.invalid/v1", KEY)

    assert verdict.sentence == "The name dify.invalid cannot be found. Check the spelling of the base URL."


def test_a_silent_server_is_a_timeout(settings: LazySettings) -> None:
    settings.DIFY_READ_TIMEOUT = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        verdict = judged(f"http://127.0.0.1:{silent.getsockname()[1]}", KEY)

    assert verdict.sentence.endswith("accepted the connection but did not answer in time.")


@pytest.mark.parametrize("address", ["169.254.169.254", "[::ffff:169.254.169.254]", "0.0.0.0"])  # noqa: S104
def test_metadata_addresses_are_refused(address: str) -> None:
    verdict = judged(f"http://{address}/v1", KEY)

    assert verdict.sentence.startswith(f"{address} leads to an address that the gateway refuses to speak to")


@pytest.mark.parametrize("base_url", ["dify.example.com", "ftp://dify.example.com", "https://", "https://a b"])
def test_what_is_no_address_is_said_so(base_url: str) -> None:
    assert judged(base_url, KEY).sentence == "Write the address of Dify like https://dify.example.com/v1."


# TLS ----------------------------------------------------------------------------------------------------------


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dify.example.com")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    with server({}) as running:
        running.socket = self_signed(tmp_path).wrap_socket(running.socket, server_side=True)
        verdict = judged(url_of(running, "https"), KEY)

    assert not verdict.works
    assert "is not trusted: self-signed certificate." in verdict.sentence
    assert "DIFY_CA_BUNDLE" in verdict.sentence


def test_https_to_a_server_without_tls_is_said_so() -> None:
    with server({}) as running:
        verdict = judged(url_of(running, "https"), KEY)

    assert "does not speak TLS as it should" in verdict.sentence


# On the page --------------------------------------------------------------------------------------------------


def test_the_page_shows_the_verdict(drillquiz: System) -> None:
    room = superuser()

    works = room.save(page_of(drillquiz), "_test")
    System.objects.update(dify_api_key="app-demo-disabled")
    fails = room.save(page_of(drillquiz), "_test")

    assert "The connection works" in told(works)[-1]
    assert "is disabled" in told(fails)[-1]
    assert "is disabled" in room.page(drillquiz)


def test_others_can_write_while_dify_takes_its_time(drillquiz: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from Dify's side: when it is asked, what was saved is committed, and no transaction is open."""
    open_then: list[bool] = []
    monkeypatch.setattr(adapter(), "send", watched(adapter().send, open_then))

    superuser().save(page_of(drillquiz), "_test")

    assert open_then
    assert not any(open_then)


def watched(send: Callable[..., Any], open_then: list[bool]) -> Callable[..., Any]:
    def watching(*args: Any, **options: Any) -> Any:
        open_then.append(connection.in_atomic_block)
        return send(*args, **options)

    return watching
