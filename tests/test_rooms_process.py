"""The ASGI process: how it ends, what it logs, what it serves besides sockets, and who cannot hold it up."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.utils import timezone

from rooms.models import Connection, Room, RoomPolicy, Server
from rooms.wire import LAST_WORDS
from tests.processes import PRODUCTION, ROOT, environment, free_port, manage
from tests.rooms import Chat, Clients, Served, database_url, handshake, new_system, open_room, serving, token_of

IDLE = 2  # seconds
HELLO = {"type": "chat.message", "message": "Hello"}


@pytest.fixture
def room(transactional_db: None) -> Room:
    return open_room(new_system())


@pytest.fixture
def served(transactional_db: None, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, ROOMS_IDLE_TIMEOUT=str(IDLE)) as served:
        yield served


@pytest.fixture
def own_clients(served: Served) -> Iterator[Clients]:
    clients = Clients(served)
    yield clients
    clients.close()


def test_asked_to_end_it_says_so_to_its_sockets_and_leaves_nobody_behind(
    clients: Clients, own_clients: Clients, room: Room
) -> None:
    """Bob, in another process, hears at once that Alice has gone."""
    (bob,) = clients.come(room, "bob")
    alice = own_clients.named(room, "alice")
    assert {alice.hear()["username"], bob.hear()["username"]} == {"Alice"}
    own_clients.served.process.send_signal(signal.SIGTERM)
    assert alice.closed()[1] == 1012
    assert own_clients.served.process.wait(10) == 0
    assert bob.hear() == {"type": "chat.user.leave", "username": "Alice"}
    assert (Server.objects.count(), Connection.objects.count()) == (1, 1)
    assert own_clients.served.problems() == []


def test_who_does_not_answer_pings_is_taken_for_gone(clients: Clients, served: Served, room: Room) -> None:
    (bob,) = clients.come(room, "bob")
    with socket.create_connection(("127.0.0.1", served.port)) as alice:
        alice.sendall(handshake(f"/ws/chat/{room.pk}/chat/?token={token_of(room.system, 'alice')}"))
        assert bob.hear()["type"] == "chat.user.join"
        begun = time.monotonic()
        assert bob.hear(4 * IDLE)["type"] == "chat.user.leave"
        assert time.monotonic() - begun < 2 * IDLE


def test_who_answers_pings_may_be_silent(own_clients: Clients, room: Room) -> None:
    (alice,) = own_clients.come(room, "alice")
    assert alice.hears_nothing(2 * IDLE)
    alice.send(HELLO)
    assert alice.hear()["message"] == "Hello"


def test_who_never_sends_a_token_is_closed_with_4401(own_clients: Clients) -> None:
    heard, code = own_clients.open("/ws").closed(2 * IDLE)
    assert (heard[0]["code"], code) == ("not_authenticated", 4401)


def test_a_reader_who_does_not_keep_up_is_dropped_and_slows_nobody(clients: Clients) -> None:
    room = open_room(new_system(messages_per_minute=10_000))
    talker, listener = clients.come(room, "alice", "bob")
    with slow_reader(clients.served, room) as slow:
        assert listener.hear() == talker.hear() == {"type": "chat.user.join", "username": "Dave"}
        talk_until(talker, listener, {"type": "chat.user.leave", "username": "Dave"})
        talker.send(HELLO)
        begun = time.monotonic()
        while listener.hear() != talker.hear():
            pass
        assert time.monotonic() - begun < 1
        assert b"\x03\xf5too_slow" in rest_of(slow)  # 1013


def test_a_reader_who_never_reads_again_does_not_stay_open(own_clients: Clients) -> None:
    room = open_room(new_system(messages_per_minute=10_000))
    talker, listener = own_clients.come(room, "alice", "bob")
    before = open_sockets(own_clients.served)
    with slow_reader(own_clients.served, room):
        assert listener.hear() == talker.hear() == {"type": "chat.user.join", "username": "Dave"}
        assert open_sockets(own_clients.served) > before
        talk_until(talker, listener, {"type": "chat.user.leave", "username": "Dave"})
        deadline = time.monotonic() + LAST_WORDS + 5
        while open_sockets(own_clients.served) > before:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def slow_reader(served: Served, room: Room) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", served.port))
    connection.sendall(handshake(f"/ws/chat/{room.pk}/chat/?token={token_of(room.system, 'dave')}"))
    return connection


def talk_until(talker: Chat, listener: Chat, frame: dict[str, str]) -> None:
    for _ in range(2000):
        talker.send(HELLO | {"message": "x" * 16_000})
        if frame in (talker.hear(), listener.hear()):
            return
    pytest.fail("It never happened.")


def rest_of(connection: socket.socket) -> bytes:
    connection.settimeout(20)
    return b"".join(iter(lambda: connection.recv(1024 * 1024), b""))


def open_sockets(served: Served) -> int:
    files = Path(f"/proc/{served.process.pid}/fd").iterdir()
    return sum(str(file.readlink()).startswith("socket:") for file in files)


def test_a_gateway_at_an_address_that_the_system_lists_is_believed(own_clients: Clients, room: Room) -> None:
    """As the LiveChat contract writes it: a plain address, nothing else."""
    RoomPolicy.objects.filter(system=room.system).update(trusted_addresses="127.0.0.0/8")
    alice = own_clients.open(
        f"/ws/chat/{room.pk}/chat/?user_id=alice&nickname=Alice&email=alice@example.com&profile_url="
    )
    assert alice.hear() == {"type": "chat.user.join", "username": "Alice"}


def test_a_room_that_is_gone_keeps_nobody_out_of_another_when_its_process_was_taken_for_dead(
    clients: Clients, room: Room
) -> None:
    clients.come(room, "alice")
    other = open_room(room.system)
    room.delete()
    Server.objects.all().delete()
    clients.come(other, "bob")


def test_a_process_that_was_taken_for_dead_comes_back_with_its_people(clients: Clients, room: Room) -> None:
    """As when a machine slept: the others have forgotten it, and it goes on."""
    clients.come(room, "alice")
    Server.objects.all().delete()
    deadline = time.monotonic() + 8
    while not Connection.objects.filter(user_id="alice").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_dead_processes_people_are_gone_and_swept(clients: Clients, room: Room) -> None:
    (alice,) = clients.come(room, "alice")
    dead = Server.objects.create(beat_at=timezone.now())
    Connection.objects.create(room=room, server=dead, user_id="bob", name="Bob")
    assert alice.hear() == {"type": "chat.user.join", "username": "Bob"}
    Server.objects.filter(pk=dead.pk).update(beat_at=timezone.now() - timedelta(seconds=16))
    assert alice.hear() == {"type": "chat.user.leave", "username": "Bob"}
    deadline = time.monotonic() + 8
    while Server.objects.filter(pk=dead.pk).exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)


# HTTP --------------------------------------------------------------------------------------------------------------


def test_only_what_belongs_to_rooms_is_served_over_http(rooms_server: Served, transactional_db: None) -> None:
    for path in ("/", "/v1/status", "/admin/", "/chat", "/roomservice"):
        answer = requests.get(rooms_server.http + path, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for path in ("/healthz", "/readyz"):
        assert requests.get(rooms_server.http + path, timeout=5).text == "ok\n"
    assert requests.get(f"{rooms_server.http}/chat/v1/rooms/", timeout=5).status_code == 401


# Logs and settings -------------------------------------------------------------------------------------------------


def test_its_logs_have_no_secrets_and_no_words(own_clients: Clients, room: Room) -> None:
    token = token_of(room.system, "alice")
    alice = own_clients.open(f"/ws/chat/{room.pk}/chat/?token={token}")
    alice.send(HELLO | {"message": "something private"})
    alice.hear_many(2)
    requests.get(f"{own_clients.served.http}/rooms?token=very-secret", timeout=5)
    own_clients.served.process.terminate()
    own_clients.served.process.wait(10)
    for secret in (token, "private", "very-secret", "alice@example.com"):
        assert secret not in own_clients.served.log()


def test_started_by_uvicorn_itself_its_logs_have_no_secrets_either(room: Room, tmp_path: Path) -> None:
    port = free_port()
    settings = {"PUBLIC_URL": f"http://127.0.0.1:{port}", "DATABASE_URL": database_url(), "LOG_LEVEL": "DEBUG"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "gateway_project.asgi:application", "--port", str(port)],
            cwd=ROOT,
            env=environment(**{**PRODUCTION, **settings}),
            stdout=log,
            stderr=log,
        )
    served = Served(process, port, tmp_path / "log")
    try:
        wait_for(served)
        requests.get(f"{served.http}/rooms?token=very-secret", timeout=5)
        assert Clients(served).open("/ws/chat/1/chat/?token=very-secret").closed()[1] == 4401
    finally:
        process.terminate()
        process.wait(10)
    assert "very-secret" not in served.log()


def wait_for(served: Served) -> None:
    for _ in range(100):
        try:
            requests.get(f"{served.http}/healthz", timeout=2)
        except requests.ConnectionError:
            assert served.process.poll() is None, served.log()
            time.sleep(0.1)
        else:
            return


def test_it_refuses_to_serve_what_the_checks_refuse() -> None:
    done = manage("serve_rooms", "--port", str(free_port()))
    assert done.returncode != 0
    assert "gateway.E002" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_gets_a_sentence(rooms_server: Served, transactional_db: None) -> None:
    settings = {**PRODUCTION, "DATABASE_URL": database_url()}
    done = manage("serve_rooms", "--host", "127.0.0.1", "--port", str(rooms_server.port), **settings)
    assert done.returncode != 0
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr
