"""A bare `gunicorn gateway_project.wsgi`, as production runs it, spoken to over real sockets."""

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from dify.standin.server import running_standin
from tests.processes import PRODUCTION, ROOT, environment, free_port, healthcheck, manage


@dataclass
class Served:
    """A gateway that runs, and how its processes are doing."""

    process: subprocess.Popen[bytes]
    address: str
    key: str
    directory: Path

    def say(self, message: str, **more: object) -> requests.Response:
        body = {"user_id": "alice", "message": message, **more}
        stream = more.get("response_mode") == "streaming"
        return requests.post(
            f"{self.address}/v1/chat?system_id=drillquiz",
            json=body,
            headers={"X-API-Key": self.key},
            stream=stream,
            timeout=20,
        )

    def kept(self) -> list[tuple[str, str]]:
        """(status, answer) of every turn in the ledger."""
        with closing(sqlite3.connect(self.directory / "db.sqlite3")) as database:
            return database.execute("SELECT status, answer FROM history_message ORDER BY id").fetchall()

    def log(self) -> str:
        return (self.directory / "log").read_text()


def gunicorn() -> str:
    return str(Path(sys.executable).parent / "gunicorn")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a database and the keys to it, whose systems use a stand-in that runs."""
    directory = tmp_path_factory.mktemp("prepared")
    with running_standin() as standin:
        settings = settings_in(directory, port=8088)
        for command in (["migrate", "-v0"], ["setup_demo", "--standin", standin.url, "--memory", f"{directory}/demo"]):
            done = manage(*command, **settings)
            assert done.returncode == 0, done.stderr
        yield directory


def settings_in(directory: Path, port: int) -> dict[str, str]:
    database = f"sqlite:///{directory / 'db.sqlite3'}"
    local = {"PUBLIC_URL": f"http://127.0.0.1:{port}", "PORT": str(port), "DATABASE_URL": database}
    return {**PRODUCTION, **local, "WEB_CONCURRENCY": "1", "ACCESS_LOG": "-"}


@pytest.fixture
def served(prepared: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    settings = settings_in(tmp_path, free_port())
    command = [gunicorn(), "gateway_project.wsgi", *getattr(request, "param", [])]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(**settings), stdout=log, stderr=log)
    key = json.loads((tmp_path / "demo").read_text())["keys"]["drillquiz"]
    gateway = Served(process, settings["PUBLIC_URL"], key, tmp_path)
    try:
        wait_until_it_answers(gateway)
        yield gateway
    finally:
        process.terminate()
        process.wait(40)


def wait_until_it_answers(gateway: Served) -> None:
    for _ in range(100):
        try:
            if requests.get(f"{gateway.address}/healthz", timeout=2).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            assert gateway.process.poll() is None, gateway.log()
            time.sleep(0.1)
    pytest.fail(gateway.log())


def settled(gateway: Served, seconds: float) -> list[tuple[str, str]]:
    deadline = time.monotonic() + seconds
    while any(status == "pending" for status, _ in gateway.kept()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return gateway.kept()


def test_it_answers_a_blocking_chat(served: Served) -> None:
    response = served.say("What is a ledger?")
    assert response.status_code == 200
    assert served.kept() == [("answered", response.json()["answer"])]
    assert response.headers["X-Request-ID"]


def test_a_stream_says_something_within_a_second_and_ends_once(served: Served) -> None:
    served.say("Hello")  # opens the database and the connection to Dify
    begun = time.monotonic()
    response = served.say("What is a ledger? [[slow 3]]", response_mode="streaming")
    pieces = response.iter_content(None)
    first = next(pieces)
    assert time.monotonic() - begun < 1
    assert first.startswith(b":")

    stream = first + b"".join(pieces)
    assert time.monotonic() - begun > 2.9
    assert stream.count(b'"message_end"') == 1
    assert settled(served, 2)[1][0] == "answered"


def test_a_client_that_leaves_changes_nothing(served: Served) -> None:
    whole = served.say("[[long 60]]").json()["answer"]
    with served.say("[[long 60]] [[paced 20]]", response_mode="streaming") as response:
        next(response.iter_content(200))
    assert settled(served, 10) == [("answered", whole)] * 2


def test_asked_to_end_it_lets_a_running_turn_finish(served: Served) -> None:
    response = served.say("Hello [[slow 2]]", response_mode="streaming")
    served.process.send_signal(signal.SIGTERM)
    assert b'"message_end"' in b"".join(response.iter_content(None))
    assert served.process.wait(15) == 0
    assert [status for status, _ in served.kept()] == ["answered"]


def test_asked_to_end_it_keeps_even_what_nobody_listens_to(served: Served) -> None:
    served.say("Hello [[slow 2]]", response_mode="streaming").close()
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(15) == 0
    assert [(status, bool(answer)) for status, answer in served.kept()] == [("answered", True)]


@pytest.mark.parametrize("served", [["--graceful-timeout=1"]], indirect=True)
def test_asked_to_end_it_keeps_what_there_is_of_a_turn_that_takes_too_long(served: Served) -> None:
    """It has a second, in which the ledger's own growing intervals save nothing yet."""
    response = served.say("[[long 500]] [[paced 20]]", response_mode="streaming")
    next(response.iter_content(200))
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(5) == 0
    ((status, answer),) = served.kept()
    assert (status, len(answer) > 50) == ("pending", True)


def test_idle_connections_do_not_keep_it_from_ending(served: Served) -> None:
    with requests.Session() as browser:
        assert browser.get(f"{served.address}/healthz", timeout=5).ok
        asked = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(20) == 0
        assert time.monotonic() - asked < 6


def test_many_slow_chats_wait_beside_each_other(served: Served) -> None:
    begun = time.monotonic()
    with ThreadPoolExecutor(30) as people:
        answers = list(people.map(served.say, ["Hello [[slow 2]]"] * 30))
    assert [answer.status_code for answer in answers] == [200] * 30
    assert time.monotonic() - begun < 10


def test_the_access_log_has_no_secrets(served: Served) -> None:
    requests.get(f"{served.address}/chat?token=very-secret", headers={"X-API-Key": "very-secret"}, timeout=10)
    served.say("something private")
    served.process.terminate()
    served.process.wait(40)
    assert " GET /chat " in served.log()
    assert " POST /v1/chat 200 " in served.log()
    assert "very-secret" not in served.log()
    assert "private" not in served.log()
    assert served.key not in served.log()


def test_docker_would_find_it_healthy(served: Served) -> None:
    port = served.address.rpartition(":")[2]
    assert subprocess.run(healthcheck(), env=environment(PORT=port), timeout=20).returncode == 0
    assert subprocess.run(
        healthcheck(), env=environment(PORT=str(free_port())), timeout=20, capture_output=True
    ).returncode


@pytest.mark.parametrize(("name", "value"), [("PORT", "eighty"), ("PORT", "70000")])
def test_a_bad_value_gets_a_sentence(name: str, value: str) -> None:
    result = refused(**{**PRODUCTION, name: value})
    assert result.stderr == f"{name} must be a whole number from 1 to 65535, not “{value}”.\n"


def test_a_bad_value_in_the_env_file_gets_a_sentence(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("WEB_CONCURRENCY=many\n")
    result = refused(**{**PRODUCTION, "ENV_FILE": str(env_file)})
    assert result.stderr == "WEB_CONCURRENCY must be a whole number from 1 to 256, not “many”.\n"


def test_it_refuses_to_serve_what_the_checks_refuse() -> None:
    result = refused(PORT=str(free_port()), WEB_CONCURRENCY="1")
    assert "(gateway.E002) SECRET_KEY is missing" in result.stderr
    assert "Traceback" not in result.stderr


def refused(**settings: str) -> subprocess.CompletedProcess[str]:
    command = [gunicorn(), "gateway_project.wsgi"]
    result = subprocess.run(command, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, timeout=30)
    assert result.returncode != 0
    return result


def test_a_request_that_is_no_http_is_answered_in_json_and_quoted_nowhere(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(served.address).port or 0), 10) as connection:
        connection.sendall("GET /v1/cache/conversations?q=환불&token=eyJsecret HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert json.loads(body)["code"] == "invalid"
    assert "could not be read" in served.log()
    assert "eyJsecret" not in served.log()
