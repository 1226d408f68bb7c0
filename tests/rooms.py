"""Rooms over real sockets: the ASGI process as production runs it, on the test's own database, and clients of it."""

import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from rooms import ledger
from rooms.models import Room, RoomPolicy
from tenants import tokens
from tenants.models import ApiKey, SigningSecret, System
from tests.processes import PRODUCTION, ROOT, environment, free_port

SOON = 3.0  # seconds, within which what is expected must come
NEVER = 0.7  # seconds of silence that count as nothing; longer than a look into the database takes to come
_numbers = itertools.count(1)


@dataclass
class Served:
    """An ASGI process that runs."""

    process: subprocess.Popen[bytes]
    port: int
    log_file: Path

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return self.log_file.read_text()

    def problems(self) -> list[str]:
        return re.findall(r"^.* (?:WARNING|ERROR|CRITICAL) .*$", self.log(), re.MULTILINE)


def database_url() -> str:
    """Of the database that the test itself uses."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    who = f"{settings['USER']}:{quote(settings['PASSWORD'])}@{settings['HOST']}:{settings['PORT'] or 5432}"
    return f"postgres://{who}/{settings['NAME']}"


@contextmanager
def serving(directory: Path, **settings: str) -> Iterator[Served]:
    port = free_port()
    local = {"PUBLIC_URL": f"http://127.0.0.1:{port - 1}", "PORT": str(port - 1), "ROOMS_PORT": str(port)}
    variables = environment(**{**PRODUCTION, **local, "DATABASE_URL": database_url(), **settings})
    log_file = directory / f"rooms-{port}.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve_rooms", "--host", "127.0.0.1"],
            cwd=ROOT,
            env=variables,
            stdout=log,
            stderr=log,
        )
    served = Served(process, port, log_file)
    try:
        wait_until_it_answers(served)
        yield served
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait(5)


def wait_until_it_answers(served: Served) -> None:
    for _ in range(200):
        with suppress(requests.ConnectionError):
            if requests.get(f"{served.http}/healthz", timeout=2).ok:
                return
        assert served.process.poll() is None, served.log()
        time.sleep(0.1)
    pytest.fail(served.log())


def new_system(name: str = "drillquiz", **policy: Any) -> System:
    """A system of the test's own: processes that outlive the test remember systems for some seconds."""
    system = System.objects.create(system_id=f"{name}-{next(_numbers)}", name=name.title())
    SigningSecret.objects.create(system=system)
    RoomPolicy.objects.create(system=system, **policy)
    return system


def open_room(system: System, **fields: Any) -> Room:
    return Room.objects.create(system=system, **fields)


def trip_room(system: System, *user_ids: str, role: str = "") -> Room:
    room = Room.objects.create(system=system, members_only=True)
    for user_id in user_ids:
        ledger.put_in(room.pk, user_id, role)
    return room


def token_of(system: System, user_id: str, lifetime: timedelta | None = None, **claims: Any) -> str:
    who = {"userId": user_id, "name": user_id.title(), "email": f"{user_id}@example.com"}
    return tokens.issue(system, user_id, lifetime, **{**who, **claims})[0]


class Closed(Exception):
    """The socket was closed by the server."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Chat:
    """One socket of somebody's, by the independent client."""

    socket: ClientConnection

    def send(self, frame: Any) -> None:
        self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def hear(self, seconds: float = SOON) -> Any:
        """The next frame. Raises Closed, or TimeoutError if nothing comes."""
        try:
            return json.loads(self.socket.recv(seconds))
        except ConnectionClosed as closed:
            raise Closed(closed.rcvd.code if closed.rcvd else None) from None

    def hear_many(self, count: int) -> list[Any]:
        return [self.hear() for _ in range(count)]

    def hears_nothing(self, seconds: float = NEVER) -> bool:
        with suppress(TimeoutError):
            pytest.fail(f"Heard {self.hear(seconds)}")
        return True

    def closed(self, seconds: float = SOON) -> tuple[list[Any], int | None]:
        """What it still hears, and the code with which it is closed."""
        heard = []
        try:
            while True:
                heard.append(self.hear(seconds))
        except Closed as end:
            return heard, end.code

    def close(self) -> None:
        self.socket.close()


def handshake(path: str) -> bytes:
    """For a client that will not behave, by hand."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Clients:
    """Opens sockets, and closes them when the test is over."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._stack = ExitStack()

    def open(self, path: str, served: Served | None = None, **options: Any) -> Chat:
        options = {"open_timeout": 10, "close_timeout": 2, "compression": None, "proxy": None, **options}
        return Chat(self._stack.enter_context(connect(f"{(served or self.served).ws}{path}", **options)))

    def livechat(self, room: Room, user_id: str, served: Served | None = None, **query: Any) -> Chat:
        """Comes in with a token of the room's system."""
        parameters = {"token": token_of(room.system, user_id, nickname=user_id.title()), **query}
        return self.open(f"/ws/chat/{room.pk}/chat/?{urlencode(parameters)}", served)

    def named(self, room: Room, user_id: str, served: Served | None = None, **query: Any) -> Chat:
        """Comes in through a gateway with a key, which names who it is by the letter of the contract."""
        who = {"user_id": user_id, "nickname": user_id.title(), "email": f"{user_id}@example.com"}
        key = {"X-API-Key": ApiKey.issue(room.system)[1]}
        return self.open(f"/ws/chat/{room.pk}/chat/?{urlencode(who | query)}", served, additional_headers=key)

    def come(self, room: Room, *user_ids: str, served: Served | None = None, **query: Any) -> list[Chat]:
        """One after the other into the room, until all have heard of all."""
        here: list[Chat] = []
        for user_id in user_ids:
            here.append(self.named(room, user_id, served, **query))
            assert {chat.hear()["username"] for chat in here} == {user_id.title()}
        return here

    def trip(self, system: System, user_id: str, served: Served | None = None, **query: Any) -> Chat:
        return self.open(f"/ws?{urlencode({'token': token_of(system, user_id), **query})}", served)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def rooms_server(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[Served]:
    """One process for all tests that are content with the default settings."""
    with django_db_blocker.unblock(), serving(tmp_path_factory.mktemp("rooms")) as served:
        yield served


@pytest.fixture
def clients(rooms_server: Served, transactional_db: None) -> Iterator[Clients]:
    opened = Clients(rooms_server)
    yield opened
    opened.close()
