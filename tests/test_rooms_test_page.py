"""GET /rooms/test/ and the tokens it makes: who gets in, what a browser may do there, where it looks for sockets."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from rooms.identity import Credentials, identified
from tenants.models import System

PAGE = "/rooms/test/"


def browser_of(**user: Any) -> Client:
    browser = Client(raise_request_exception=False)
    browser.force_login(User.objects.create_user("somebody", **user))
    return browser


@pytest.fixture
def superuser(transactional_db: None) -> Client:
    return browser_of(is_staff=True, is_superuser=True)


def data_of(response: Any) -> Any:
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', response.content.decode())
    assert found
    return json.loads(unescape(found[1]))


def policy_of(response: Any) -> dict[str, str]:
    parts = (part.partition(" ") for part in response["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in parts}


def test_strangers_are_sent_to_the_login_and_come_back(db: None) -> None:
    response = Client().get(f"{PAGE}?user_id=alice")
    assert response.status_code == 302
    assert response["Location"] == "/admin/login/?next=/rooms/test/%3Fuser_id%3Dalice"


def test_who_is_not_staff_finds_nothing(db: None) -> None:
    assert browser_of().get(PAGE).status_code == 404
    assert browser_of_disabled().get(PAGE).status_code in (302, 404)


def browser_of_disabled() -> Client:
    browser = Client(raise_request_exception=False)
    browser.force_login(User.objects.create_user("gone", is_staff=True, is_active=False))
    return browser


def test_staff_gets_in(superuser: Client) -> None:
    response = superuser.get(PAGE)
    assert response.status_code == 200
    assert "Who you are" in response.content.decode()
    assert superuser.post(PAGE).status_code == 405
    assert superuser.get("/rooms/test?user_id=alice")["Location"] == "/rooms/test/?user_id=alice"


def test_under_debug_anybody_gets_in_but_gets_no_tokens(drillquiz: System, settings: Any) -> None:
    settings.DEBUG = True
    response = Client().get(PAGE)
    assert response.status_code == 200
    assert data_of(response)["systems"] == []
    assert Client().post(f"{PAGE}token", {"system": "drillquiz", "user_id": "alice"}).status_code == 404


@pytest.mark.parametrize(
    ("public_url", "https", "host", "socket"),
    [
        ("http://localhost:8088", False, "localhost:8088", "ws://localhost:8089"),
        ("http://localhost:8088", False, "127.0.0.1:8088", "ws://127.0.0.1:8089"),
        ("http://localhost:8088", False, "[::1]:8088", "ws://[::1]:8089"),
        ("https://chat.example.com", True, "chat.example.com", "wss://chat.example.com"),
    ],
)
def test_it_finds_the_sockets_and_may_speak_to_nobody_else(
    superuser: Client, settings: Any, public_url: str, https: bool, host: str, socket: str
) -> None:
    settings.PUBLIC_URL, settings.HTTPS, settings.ROOMS_PORT = public_url, https, 8089
    settings.ROOMS_URL = "wss://chat.example.com"
    settings.ALLOWED_HOSTS = ["*"]

    response = superuser.get(PAGE, headers={"host": host})

    assert data_of(response)["socket"] == socket
    assert policy_of(response)["connect-src"] == f"'self' {socket}"


def test_its_policy_runs_only_the_gateways_own_files(superuser: Client) -> None:
    response = superuser.get(PAGE)
    policy = policy_of(response)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert response["Cache-Control"] == "no-store"
    scripts = re.findall(r"<script(.*?)>(.*?)<", response.content.decode())
    assert [text for attributes, text in scripts if text and "application/json" not in attributes] == []


def test_it_makes_a_token_that_rooms_believe(superuser: Client, drillquiz: System) -> None:
    alice = {
        "user_id": "alice",
        "nickname": "앨리스",
        "email": "alice@example.com",
        "profile_url": "https://a.example/a",
    }

    made = superuser.post(f"{PAGE}token", {**alice, "system": "drillquiz"}).json()["token"]

    person = identified(Credentials({}, {"token": made}, None))
    assert (person.system, person.user_id, person.name) == (drillquiz, "alice", "앨리스")
    assert (person.email, person.profile_url) == (alice["email"], alice["profile_url"])
    assert LogEntry.objects.get().change_message == "Made a token for the test page of rooms as alice"


def test_an_operator_makes_tokens_of_their_own_systems_only(
    superuser: Client, drillquiz: System, cointutor: System
) -> None:
    User.objects.filter(username="somebody").update(is_superuser=False)
    drillquiz.operators.add(User.objects.get())
    assert data_of(superuser.get(PAGE))["systems"] == [{"id": "drillquiz", "name": "Drillquiz"}]
    assert superuser.post(f"{PAGE}token", {"system": "drillquiz", "user_id": "a"}).status_code == 200
    for system in ("cointutor", "none", ""):
        assert superuser.post(f"{PAGE}token", {"system": system, "user_id": "a"}).status_code == 404


@pytest.mark.parametrize("user_id", ["", "x" * 257, "a\nb"])
def test_a_token_for_nobody_gets_a_sentence(superuser: Client, drillquiz: System, user_id: str) -> None:
    response = superuser.post(f"{PAGE}token", {"system": "drillquiz", "user_id": user_id})
    assert response.status_code == 400
    assert response.json()["detail"].startswith("user_id: This ")
    assert not LogEntry.objects.exists()


def test_a_system_whose_tokens_are_others_says_so(superuser: Client, drillquiz: System) -> None:
    drillquiz.jwt_algorithm, drillquiz.jwks_url = "RS256", "https://issuer.example/jwks"
    drillquiz.save()
    response = superuser.post(f"{PAGE}token", {"system": "drillquiz", "user_id": "alice"})
    assert response.status_code == 503
    assert "its own issuer" in response.json()["detail"]


def test_tokens_are_not_made_by_other_sites(superuser: Client, drillquiz: System) -> None:
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    strict.force_login(User.objects.get())
    assert strict.post(f"{PAGE}token", {"system": "drillquiz", "user_id": "alice"}).status_code == 403
