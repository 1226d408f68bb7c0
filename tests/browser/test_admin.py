"""The admin in a real browser: a system is onboarded on a phone, and everything fits."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from dify.standin.server import StandIn
from tenants.models import ApiKey, System
from tests.gateway import Gateway

PHONE, DESK = 390, 1280
PASSWORD = "correct-horse-battery"


@pytest.fixture
def room(chromium: Any, live_server: LiveServer, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page of a superuser who has logged in; its width is the test's parameter."""
    User.objects.create_superuser("superuser", password=PASSWORD)
    width = getattr(request, "param", PHONE)
    context = chromium.new_context(viewport={"width": width, "height": 844}, base_url=live_server.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto("/admin/")
    page.fill("[name=username]", "superuser")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Control room")
    yield page
    context.close()
    connection.close()


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def onboard(page: Any, dify: StandIn) -> None:
    page.goto("/admin/tenants/system/add/")
    page.get_by_label("System id").fill("drillquiz")
    page.get_by_label("Name", exact=False).first.fill("DrillQuiz")
    page.get_by_label("Dify base URL").fill(dify.url)
    page.get_by_label("Dify app key").fill("app-demo-chat")
    page.get_by_label("Allowed origins").fill("https://www.drillquiz.example")
    page.get_by_role("button", name="Save and test connection").click()
    page.wait_for_selector("text=The connection works: the app “Demo chat” answers")


@pytest.mark.django_db(transaction=True)
def test_a_system_is_onboarded_on_a_phone_and_its_key_copied(room: Any, dify: StandIn) -> None:
    onboard(room, dify)
    assert fits(room)

    room.locator("#keys").get_by_label("Name").fill("quiz backend")
    room.get_by_role("button", name="Create key").click()
    room.get_by_role("button", name="Copy New secret key of DrillQuiz").click()
    room.wait_for_selector("text=Copied")
    key = room.evaluate("navigator.clipboard.readText()")
    assert fits(room)

    assert Gateway({"X-API-Key": key}, user_id="alice").say("Hello").status_code == 200
    room.get_by_role("link", name="Done").click()
    room.wait_for_selector(f"text={key[:11]}…")
    assert key not in room.content()
    assert not room.errors


@pytest.mark.django_db(transaction=True)
def test_a_key_can_be_copied_where_the_clipboard_is_closed(room: Any, dify: StandIn) -> None:
    """On plain HTTP, and not on localhost, browsers have no clipboard API."""
    onboard(room, dify)
    room.get_by_role("button", name="Create key").click()
    room.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    room.locator("[data-copy=secret]").click()

    room.wait_for_selector("text=Copied")
    assert room.evaluate("String(getSelection())") == room.inner_text("#secret")


@pytest.mark.django_db(transaction=True)
def test_a_key_is_revoked_with_one_click(room: Any, dify: StandIn) -> None:
    onboard(room, dify)
    ApiKey.issue(System.objects.get(), name="quiz backend")
    room.reload()

    room.get_by_role("button", name="Revoke").click()

    room.wait_for_selector("text=is revoked")
    assert not ApiKey.objects.get().live


@pytest.mark.django_db(transaction=True)
def test_the_test_chat_opens_in_a_new_tab(room: Any, dify: StandIn) -> None:
    onboard(room, dify)
    room.get_by_role("button", name="Create signing secret").click()
    room.get_by_role("link", name="Done").click()

    with room.context.expect_page() as opened:
        room.get_by_role("button", name="Open test chat").click()

    opened.value.wait_for_selector("text=stand-in for Dify")
    assert "/admin/" in room.url


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("room", [PHONE, DESK], indirect=True)
def test_no_page_scrolls_sideways(room: Any, dify: StandIn) -> None:
    onboard(room, dify)
    key, _ = ApiKey.issue(System.objects.get(), name="a name without a break " + "x" * 90)
    person = User.objects.get()
    paths = ["", "tenants/system/", "tenants/system/add/", "tenants/system/drillquiz/change/", "tenants/apikey/add/"]
    paths += ["tenants/system/drillquiz/history/", "tenants/apikey/", f"tenants/apikey/{key.pk}/change/"]
    paths += ["auth/user/", f"auth/user/{person.pk}/change/", "auth/user/add/", "password_change/"]

    wide = []
    for path in paths:
        room.goto(f"/admin/{path}")
        wide += [] if fits(room) else [path]

    assert wide == []
    assert not room.errors
