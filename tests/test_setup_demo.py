"""`manage.py setup_demo`: what `./local.sh` prints, ready to paste, and what it leaves alone."""

import json
import re
import shlex
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from dify.standin.server import StandIn
from rooms.identity import Credentials, identified
from rooms.models import Room, RoomPolicy
from tenants.models import ApiKey, System
from tests.gateway import Gateway


class Demo:
    def __init__(self, memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.memory = memory
        self.capsys = capsys

    def __call__(self, standin: str = "http://127.0.0.1:8090") -> str:
        call_command("setup_demo", f"--memory={self.memory}", *([f"--standin={standin}"] if standin else []))
        return self.capsys.readouterr().out


@pytest.fixture
def demo(transactional_db: None, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Demo:
    settings.PUBLIC_URL, settings.ROOMS_URL = "http://localhost:8088", "ws://localhost:8089"
    return Demo(tmp_path / "local" / "demo.json", capsys)


def curls(said: str) -> list[str]:
    return re.findall(r"curl \S+/v1/chat .*", said)


def room_curls(said: str) -> list[str]:
    return re.findall(r"curl \S+/create-room/ .*", said)


def login(said: str) -> str:
    return re.findall(r"login (.*)", said)[0]


def test_what_it_prints_works_when_pasted(demo: Demo, dify: StandIn) -> None:
    said = demo(dify.url)

    for command in curls(said):
        _, address, _, key, _, media_type, _, body = shlex.split(command)
        assert (address, media_type) == ("http://localhost:8088/v1/chat", "Content-Type: application/json")
        gateway = Gateway({"X-API-Key": key.removeprefix("X-API-Key: ")})
        assert gateway.send("POST", "/v1/chat", json.loads(body)).json()["answer"]
    for link in re.findall(r"http://localhost:8088/chat\?\S+", said):
        token = parse_qs(urlsplit(link).query)["token"][0]
        assert Gateway({"Authorization": f"Bearer {token}"}).get("/v1/conversations").status_code == 200
    username, password = login(said).split(" / ")
    user = authenticate(username=username, password=password)
    assert user
    assert user.is_superuser
    assert {system.pk for system in System.objects.all()} == {"drillquiz", "cointutor"}
    assert len(curls(said)) == 2
    assert "made up by a stand-in" in said


def test_a_room_is_made_as_it_says_and_the_people_of_its_lines_are_believed(demo: Demo) -> None:
    said = demo()

    (command,) = room_curls(said)
    _, address, _, media_type, _, body = shlex.split(command)
    assert (address, media_type) == ("http://localhost:8088/chat/v1/create-room/", "Content-Type: application/json")
    made = Gateway({}).send("POST", "/chat/v1/create-room/", json.loads(body))
    assert made.status_code == 201
    assert Room.objects.get(pk=made.json()["id"]).system_id == "drillquiz"
    (link,) = re.findall(r"ws://\S+", said)
    assert link.startswith("ws://localhost:8089/ws/chat/ROOM/chat/?")
    people = [parse_qs(urlsplit(address).query) for address in [link, *re.findall(r"\S+/rooms/test/\?\S+", said)]]
    assert [person["email"] for person in people] == [["alice@example.com"], ["alice@example.com"], ["bob@example.com"]]
    for person in people:
        query = {name: values[0] for name, values in person.items()}
        assert identified(Credentials({}, query, ip_address("127.0.0.1"))).system.pk == "drillquiz"


def test_what_an_operator_changes_about_rooms_stays_changed(demo: Demo) -> None:
    demo()
    RoomPolicy.objects.update(trusted_addresses="10.0.0.0/8")
    said = demo()
    assert RoomPolicy.objects.get().trusted_addresses == "10.0.0.0/8"
    assert room_curls(said) == []
    assert "drillquiz does not trust this machine" in said
    RoomPolicy.objects.all().delete()
    assert room_curls(demo()) == []
    assert not RoomPolicy.objects.exists()


def test_a_second_run_changes_nothing_and_prints_the_same(demo: Demo) -> None:
    first = demo()
    models = (System, ApiKey, User, RoomPolicy)
    before = [list(model.objects.values()) for model in models]
    second = demo()

    assert [list(model.objects.values()) for model in models] == before
    assert curls(second) + room_curls(second) == curls(first) + room_curls(first)
    assert login(second) == login(first)
    assert "Created" in first
    assert "Created" not in second


def test_what_it_remembers_is_private(demo: Demo) -> None:
    demo()
    assert demo.memory.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["", "{", '{"unknown": 1}', "[]"])
def test_if_what_it_remembers_is_lost_it_issues_new_keys_and_says_so(demo: Demo, damage: str) -> None:
    first = demo()
    demo.memory.write_text(damage)
    second = demo()

    assert "Issued a secret key for drillquiz." in second
    assert len(curls(second)) == 2
    assert not set(curls(second)) & set(curls(first))
    assert "`manage.py changepassword admin` sets a new one" in login(second)


def test_a_revoked_key_stays_revoked(demo: Demo) -> None:
    demo()
    ApiKey.objects.filter(system="drillquiz").update(revoked_at=timezone.now())
    said = demo()
    assert ApiKey.objects.count() == 2
    assert "its key was revoked; the admin issues another" in said
    assert len(curls(said)) == 1


def test_a_changed_password_stays_changed(demo: Demo) -> None:
    first = demo()
    user = User.objects.get()
    user.set_password("chosen by the operator")
    user.save()
    assert login(first) not in demo()
    assert authenticate(username="admin", password="chosen by the operator")


def test_an_operators_own_admin_is_enough(demo: Demo) -> None:
    User.objects.create_superuser("bob", password="his own password")
    assert login(demo()).startswith("bob, with its password")
    assert User.objects.count() == 1


def test_a_deleted_or_disabled_system_stays_so(demo: Demo) -> None:
    demo()
    System.objects.filter(pk="cointutor").delete()
    System.objects.filter(pk="drillquiz").update(enabled=False)
    said = demo()
    assert not System.objects.filter(pk="cointutor").exists()
    assert "is disabled" in said
    assert curls(said) == []
    assert room_curls(said) == []


def test_once_a_dify_is_configured_it_takes_the_place_of_the_stand_in(demo: Demo, settings: Settings) -> None:
    demo()
    settings.DIFY_BASE_URL, settings.DIFY_API_KEY = "https://dify.example.com/v1", "app-real"
    said = demo(standin="")
    for system in System.objects.all():
        assert system.dify_credentials == ("https://dify.example.com/v1", "app-real")
    assert "drillquiz now uses the Dify of DIFY_BASE_URL." in said
    assert "made up" not in said


def test_a_stand_in_on_another_port_is_followed(demo: Demo) -> None:
    demo()
    demo("http://127.0.0.1:9090")
    assert System.objects.get(pk="drillquiz").dify_base_url == "http://127.0.0.1:9090/v1"


def test_an_operators_dify_app_is_left_alone(demo: Demo) -> None:
    System.objects.create(
        system_id="drillquiz", name="Mine", dify_base_url="https://dify.example.com/v1", dify_api_key="app-mine"
    )
    demo()
    system = System.objects.get(pk="drillquiz")
    assert (system.name, system.dify_credentials) == ("Mine", ("https://dify.example.com/v1", "app-mine"))


def test_it_refuses_a_stand_in_that_is_no_address(demo: Demo) -> None:
    with pytest.raises(CommandError, match="Write the address of Dify like"):
        demo("127.0.0.1:8090")
