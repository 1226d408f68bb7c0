"""The test page of rooms in a real browser, with the sockets' own process: two people talk to each other."""

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dify.standin.server import StandIn
from tests.browser.live import ROOT, LiveGateway, environment, free_port, running_gateway
from tests.browser.test_chat_page_safety import violations

LOGIN = ("superuser", "correct-horse-battery")
SEED = f"""
from django.contrib.auth.models import User
from rooms.models import RoomPolicy
from tenants.models import SigningSecret, System
User.objects.create_superuser("{LOGIN[0]}", password="{LOGIN[1]}")
system = System.objects.get(pk="drillquiz")
RoomPolicy.objects.create(system=system, trusted_addresses="127.0.0.1")
SigningSecret.objects.create(system=system)
"""


class RoomsSite:
    """A gateway, and beside it the process of its sockets, which can go away and come back."""

    def __init__(self, gateway: LiveGateway, home: Path, port: int) -> None:
        self.gateway = gateway
        self.home = home
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def variables(self) -> dict[str, str]:
        gateway_port = self.gateway.url.rpartition(":")[2]
        return environment(self.home) | {"PORT": gateway_port, "ROOMS_PORT": str(self.port), "LOG_LEVEL": "ERROR"}

    def start(self) -> None:
        command = [sys.executable, "manage.py", "serve_rooms", "--host", "127.0.0.1"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.variables)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2).close()
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.1)
            else:
                return
        pytest.fail("The sockets' process does not answer.")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(10)

    def page_of(self, user_id: str, room: str = "") -> str:
        who = {"user_id": user_id, "nickname": user_id.title(), "email": f"{user_id}@example.com"}
        return f"{self.gateway.url}/rooms/test/?{urlencode(who | ({'room': room} if room else {}))}"


@pytest.fixture(scope="module")
def rooms(chromium: Any, tmp_path_factory: pytest.TempPathFactory, live_dify: StandIn) -> Iterator[RoomsSite]:
    home = tmp_path_factory.mktemp("rooms")
    port = two_free_ports()
    with running_gateway(home, live_dify.url, [], port) as gateway:
        site = RoomsSite(gateway, home, port + 1)
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", SEED], cwd=ROOT, env=site.variables, check=True
        )
        site.start()
        yield site
        site.stop()


def two_free_ports() -> int:
    """The first of two in a row: rooms are on the port after the gateway's."""
    import socket

    for _ in range(50):
        port = free_port()
        with closing(socket.socket()) as probe:
            if port < 65_535 and probe.connect_ex(("127.0.0.1", port + 1)) != 0:
                return port
    pytest.fail("There are no two free ports in a row.")


@pytest.fixture
def person(new_page: Callable[..., Any], rooms: RoomsSite) -> Callable[..., Any]:
    """Opens the test page as somebody, after the login that it asks for."""

    def open_as(user_id: str, room: str = "", **options: Any) -> Any:
        page = new_page(**options)
        page.goto(rooms.page_of(user_id, room))
        page.fill("[name=username]", LOGIN[0])
        page.fill("[name=password]", LOGIN[1])
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r":\d+/rooms/test/"), wait_until="load")
        if room:
            connected(page)
        else:
            page.wait_for_selector("#who")  # on a phone, too: it is the first thing to fill in
        return page

    return open_as


def connected(page: Any) -> None:
    page.wait_for_selector("#state[data-state=open]")


def create_room(page: Any, name: str) -> str:
    """Its id, which is in the address then."""
    page.get_by_label("Name of a new room").fill(name)
    page.get_by_role("button", name="Create", exact=True).click()
    connected(page)
    return str(page.evaluate("new URLSearchParams(location.search).get('room')"))


def say(page: Any, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def said(page: Any) -> list[str]:
    """What stands in the room, once nothing waits any more."""
    page.get_by_text("not confirmed yet").first.wait_for(state="detached")
    return list(page.locator(".said .bubble").all_inner_texts())


def hears(page: Any, text: str) -> None:
    page.locator(".said .bubble", has_text=text).wait_for()


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_two_people_talk_and_see_each_other_come_and_go(
    person: Callable[..., Any], screenshot: Callable[[Any, str], None]
) -> None:
    alice = person("alice")
    room = create_room(alice, "수확")
    assert alice.locator("#title").inner_text() == "수확"
    bob = person("bob", room)
    alice.get_by_text("Bob joined").wait_for()

    say(alice, "안녕하세요, Bob!")
    hears(bob, "안녕하세요, Bob!")
    say(bob, "Hello <b>Alice</b>")
    hears(alice, "Hello <b>Alice</b>")

    assert said(alice) == said(bob) == ["안녕하세요, Bob!", "Hello <b>Alice</b>"]
    assert alice.locator(".said.own").count() == bob.locator(".said.own").count() == 1
    assert alice.locator("#people li").all_inner_texts() == ["Alice", "Bob"]
    screenshot(alice, "rooms-two-people")
    bob.close()
    alice.get_by_text("Bob left").wait_for()
    assert alice.locator("#people li").all_inner_texts() == ["Alice"]


def test_the_frames_are_shown_as_they_are_on_the_wire(
    person: Callable[..., Any], screenshot: Callable[[Any, str], None]
) -> None:
    alice = person("alice")
    alice.get_by_label("Only what the contract has").check()
    create_room(alice, "Wire")
    say(alice, "Hello")
    hears(alice, "Hello")
    alice.get_by_role("button", name="Frames", exact=True).click()
    frames = alice.locator("#frames pre").all_inner_texts()
    assert frames[0] == "connected"
    assert '{"type":"chat.user.join","username":"Alice"}' in frames
    assert '{"type":"chat.message","message":"Hello"}' in frames
    assert frames[-1] == (
        '{"type":"chat.message","message":"Hello","sender":"alice@example.com","nickname":"Alice",'
        '"profile_picture_url":""}'
    )
    screenshot(alice, "rooms-frames")
    alice.keyboard.press("Escape")
    assert alice.locator("#wire").is_hidden()


def test_after_a_break_nothing_is_missing_and_nothing_is_there_twice(
    person: Callable[..., Any], rooms: RoomsSite, screenshot: Callable[[Any, str], None]
) -> None:
    alice = person("alice", expect="WebSocket")
    room = create_room(alice, "Break")
    bob = person("bob", room, expect="WebSocket")
    say(alice, "before")
    hears(bob, "before")

    rooms.stop()
    alice.wait_for_selector("#state[data-state=lost]")
    bob.wait_for_selector("#state[data-state=lost]")
    say(alice, "while it was gone")
    alice.get_by_text("not confirmed yet").wait_for()
    screenshot(alice, "rooms-lost")
    rooms.start()

    connected(alice)
    connected(bob)
    say(bob, "after")
    for page in (alice, bob):
        hears(page, "while it was gone")
        hears(page, "after")
    assert sorted(said(alice)) == sorted(said(bob)) == ["after", "before", "while it was gone"]


def test_a_token_made_by_the_page_gets_its_person_in(person: Callable[..., Any]) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    alice = person("alice")
    alice.get_by_text("With a token").click()
    alice.get_by_role("button", name="Make a token").click()
    expect(alice.locator("#token")).to_have_value(re.compile(r"^[\w-]+\.[\w-]+\.[\w-]+$"))
    create_room(alice, "Token")
    say(alice, "with a token")
    hears(alice, "with a token")
    assert alice.locator(".said .by bdi").inner_text() == "Alice"


def test_what_goes_wrong_is_said_in_words(person: Callable[..., Any]) -> None:
    alice = person("alice", expect="404")
    alice.get_by_label("Id of a room").fill("none")
    alice.get_by_role("button", name="Enter", exact=True).click()
    alice.get_by_text("There is no such room.").wait_for()
    alice.get_by_label("email").fill("")
    alice.get_by_label("Name of a new room").fill("Nobody's")
    alice.get_by_role("button", name="Create", exact=True).click()
    assert alice.locator("#who-problem").inner_text().startswith("email: ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_nothing_sticks_out(
    person: Callable[..., Any], screenshot: Callable[[Any, str], None], scheme: str, width: int
) -> None:
    page = person("alice", width=width, color_scheme=scheme, reduced_motion="reduce")
    assert violations(page) == []
    create_room(page, "A long name of a room " * 5)
    say(page, "x" * 300)
    say(page, "Words that are longer than a phone is wide. " * 4)
    hears(page, "Words that are")
    assert fits(page)
    assert violations(page) == []
    screenshot(page, f"rooms-{scheme}-{width}")
    page.get_by_role("button", name="Frames", exact=True).click()
    assert fits(page)
    assert violations(page) == []


def test_it_can_all_be_done_by_keyboard(person: Callable[..., Any]) -> None:
    page = person("alice")
    page.get_by_label("Name of a new room").focus()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    connected(page)
    page.keyboard.press("Escape")
    page.get_by_label("Your message").focus()
    page.keyboard.type("one line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    page.keyboard.press("Enter")
    page.locator(".said .bubble").wait_for()
    assert re.fullmatch(r"one line\s+and another", said(page)[0])
