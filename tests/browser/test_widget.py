"""The widget on a client system's page, in a real browser, under a policy that names nothing but the gateway."""

import hmac
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dify.standin.server import running_standin
from tests.browser.chatting import converse, ready
from tests.browser.live import ROOT, environment, running_gateway
from tests.browser.widget_site import listening, origin_of, page_with, running_widget_site
from tests.guides import GATEWAY, block

expect = pytest.importorskip("playwright.sync_api").expect

CHAT_TOKEN = re.compile(r"/v1/chat-token\?")


class Drillquiz:
    """DrillQuiz's site, with what its server knows."""

    def __init__(self, site: str, gateway: str, key: str, identity_secret: str) -> None:
        self.site = site
        self.gateway = gateway
        self.key = key
        self.identity_secret = identity_secret

    def page(self, **options: str) -> str:
        return page_with(self.site, **{"system_id": "drillquiz", "key": self.key, **options})

    def page_for(self, user_id: str, **options: str) -> str:
        proof = hmac.new(self.identity_secret.encode(), user_id.encode(), "sha256").hexdigest()
        return self.page(user_id=user_id, user_hash=proof, **options)


@pytest.fixture(scope="module")
def drillquiz_site(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drillquiz]:
    home: Path = tmp_path_factory.mktemp("widget")
    server = listening()
    with running_standin() as standin, running_gateway(home, standin.url, [origin_of(server)]) as gateway:
        seed = [sys.executable, "-m", "tests.browser.widget_seed"]
        seeded = subprocess.run(seed, cwd=ROOT, env=environment(home), check=True, capture_output=True).stdout
        # The policy of the guide, and nothing else at all.
        named = block("docs/drillquiz.md", "csp widget").text.strip().replace(GATEWAY, gateway.url)
        with running_widget_site(gateway.url, f"default-src 'none'; {named}", server) as site:
            yield Drillquiz(site, gateway.url, **json.loads(seeded))


@pytest.fixture
def visit(new_page: Callable[..., Any]) -> Callable[..., Any]:
    """Opens an address in a browser of its own; errors on the page's console are errors of the test."""

    def visit(address: str, before: str = "", **options: Any) -> Any:
        page = new_page(**options)
        if before:
            page.add_init_script(before)
        page.goto(address)
        page.locator(".launcher").wait_for(state="attached")
        return page

    return visit


def chat_in(page: Any) -> Any:
    return page.wait_for_selector("iframe").content_frame()


def opened(page: Any) -> Any:
    """The chat, once it can be written to."""
    page.get_by_role("button", name="Open chat").click()
    chat = chat_in(page)
    ready(chat)
    return chat


def reload(page: Any) -> Any:
    page.reload()
    return opened(page)


def focus(page: Any) -> str:
    """What has the focus: inside the widget by its tag, else by its id."""
    return page.evaluate("(document.activeElement.shadowRoot?.activeElement ?? document.activeElement).outerHTML")


# Who it is ----------------------------------------------------------------------------------------------------


def test_a_logged_in_user_finds_their_chats_on_every_page(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page_for("alice"))
    converse(opened(page), "What is a ledger to Alice?")

    elsewhere = opened(visit(drillquiz_site.page_for("alice")))

    expect(elsewhere.get_by_text("What is a ledger to Alice?")).to_have_count(1)


def test_two_logged_out_visitors_never_see_each_others_chats(visit: Any, drillquiz_site: Drillquiz) -> None:
    first, second = visit(drillquiz_site.page()), visit(drillquiz_site.page(user_id="anonymous"))
    converse(opened(first), "The first visitor's question")
    converse(opened(second), "The second visitor's question")

    again_first, again_second = reload(first), reload(second)

    expect(again_first.get_by_text("The first visitor's question")).to_have_count(1)
    expect(again_second.get_by_text("The second visitor's question")).to_have_count(1)
    expect(again_first.get_by_text("The second visitor's question")).to_have_count(0)
    expect(again_second.get_by_text("The first visitor's question")).to_have_count(0)


def test_a_login_on_the_page_changes_whose_chats_are_shown(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    converse(opened(page), "Asked before the login")
    proof = hmac.new(drillquiz_site.identity_secret.encode(), b"bob", "sha256").hexdigest()

    with page.expect_response(CHAT_TOKEN) as asked:
        page.evaluate("(proof) => ChatGateway.setUser('bob', proof)", proof)

    assert "user_id=bob" in asked.value.url
    chat = chat_in(page)
    ready(chat)
    expect(chat.get_by_text("Asked before the login")).to_have_count(0)


def test_it_works_where_the_page_may_store_nothing(visit: Any, drillquiz_site: Drillquiz) -> None:
    blocked = f"""if (location.origin === "{drillquiz_site.site}")
        Object.defineProperty(window, "localStorage", {{ get() {{ throw new DOMException("blocked"); }} }});"""
    page = visit(drillquiz_site.page(), before=blocked)

    converse(opened(page), "Kept in memory")


# What it loads ------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_until_it_is_opened(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(300)
    assert asked == []

    opened(page)

    assert any(CHAT_TOKEN.search(url) for url in asked)


def test_reopening_keeps_the_chat_as_it_was(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    opened(page).locator("#input").fill("Half a sent")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.evaluate("ChatGateway.close()")
    page.evaluate("ChatGateway.open()")

    expect(chat_in(page).locator("#input")).to_have_value("Half a sent")
    assert not any(CHAT_TOKEN.search(url) for url in asked)


# Keyboards and screen readers ---------------------------------------------------------------------------------


def test_it_is_announced(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page(title="Ask DrillQuiz"))
    expect(page.get_by_role("button", name="Open chat", expanded=False)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)

    opened(page)

    expect(page.get_by_role("button", name="Close chat", expanded=True)).to_be_visible()
    expect(page.get_by_role("dialog", name="Ask DrillQuiz")).to_be_visible()
    expect(page.locator("iframe")).to_have_attribute("title", "Ask DrillQuiz")
    assert page.locator(".launcher").get_attribute("aria-controls") == page.locator(".panel").get_attribute("id")


@pytest.mark.parametrize(
    ("lang", "name"), [("ko", "채팅 열기"), ("ja-JP", "チャットを開く"), ("zh-CN", "打开聊天"), ("es", "Abrir el chat")]
)
def test_it_speaks_the_language_asked_for(visit: Any, drillquiz_site: Drillquiz, lang: str, name: str) -> None:
    page = visit(drillquiz_site.page(lang=lang))

    page.get_by_role("button", name=name).click()

    expect(chat_in(page).locator("html")).to_have_attribute("lang", lang[:2])


def test_the_focus_goes_into_the_chat_and_comes_back_to_the_button(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    page.locator(".launcher").focus()
    page.keyboard.press("Enter")
    ready(chat_in(page))
    expect(page.locator("iframe")).to_be_focused()

    page.keyboard.press("Escape")  # which the page inside hears, and passes on

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert 'class="launcher"' in focus(page)


def test_escape_on_the_page_closes_it_too(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    opened(page)
    page.locator("#ask").focus()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_focus_comes_back_to_the_pages_own_button(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page(launcher="off"))
    expect(page.locator(".launcher")).to_be_hidden()
    page.locator("#ask").focus()

    page.evaluate("ChatGateway.open()")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate("ChatGateway.close()")

    assert 'id="ask"' in focus(page)


# Looks --------------------------------------------------------------------------------------------------------


def test_on_a_phone_it_fills_the_screen_and_can_be_closed(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page(), width=390, height=844, has_touch=True)
    chat = opened(page)

    assert page.locator(".panel").bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    expect(page.locator(".launcher")).to_be_hidden()
    chat.get_by_role("button", name="Close").first.click()

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_while_it_opens_it_says_so_and_can_be_closed(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page(), before="window.ChatGateway = { getToken: () => new Promise(() => {}) }")
    page.get_by_role("button", name="Open chat").click()

    expect(page.get_by_role("status")).to_have_text("Opening the chat…")
    page.get_by_role("dialog").get_by_role("button", name="Close chat").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize(
    ("color", "icon"),
    [("gold", "rgb(0, 0, 0)"), ("#123", "rgb(255, 255, 255)"), ("hsl(0 0% 100%)", "rgb(0, 0, 0)"), ("nonsense", None)],
)
def test_the_icon_stands_out_on_any_colour(visit: Any, drillquiz_site: Drillquiz, color: str, icon: str) -> None:
    page = visit(drillquiz_site.page(color=color))

    assert page.locator(".launcher").evaluate("(e) => getComputedStyle(e).color") == (icon or "rgb(255, 255, 255)")


def test_it_sits_left_if_asked(visit: Any, drillquiz_site: Drillquiz) -> None:
    box = visit(drillquiz_site.page(position="left")).locator(".launcher").bounding_box()

    assert box is not None
    assert box["x"] == 20


# By code ------------------------------------------------------------------------------------------------------


def test_a_start_message_is_sent_once(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page(start="Where do I begin?"))
    page.evaluate("ChatGateway.open()")
    chat = chat_in(page)
    expect(chat.locator(".answer")).to_contain_text("Where do I begin?")

    page.evaluate("ChatGateway.toggle()")
    page.evaluate("ChatGateway.toggle()")
    page.wait_for_timeout(300)
    expect(chat.locator(".answer")).to_have_count(1)

    chat.locator(".answer .actions:not([hidden])").wait_for()
    page.evaluate("ChatGateway.open('And then?')")
    expect(chat.locator(".answer")).to_have_count(2)
    expect(chat.locator(".answer").last).to_contain_text("And then?")


def test_a_backend_can_make_the_tokens(visit: Any, drillquiz_site: Drillquiz) -> None:
    """getToken replaces the key: here it asks as the page would ask its own backend."""
    ask_as_page = f"""window.ChatGateway = {{ async getToken() {{
        const headers = {{ "X-API-Key": "{drillquiz_site.key}" }};
        const answer = await fetch("{drillquiz_site.gateway}/v1/chat-token", {{ headers }});
        return (await answer.json()).token;
    }} }};"""
    page = visit(drillquiz_site.page(key="none"), before=f"if (window === top) {ask_as_page}")

    converse(opened(page), "With a token of our own")


def test_an_expired_token_is_replaced_in_place(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    opened(page)
    inside = next(frame for frame in page.frames if frame.parent_frame)
    inside.evaluate(
        "addEventListener('message', (event) => { if (event.data.type === 'token') window.fresh = event.data })"
    )

    with page.expect_response(CHAT_TOKEN) as asked:
        inside.evaluate("parent.postMessage({ source: 'chat-gateway', type: 'token-expired' }, '*')")

    inside.wait_for_function("() => window.fresh")
    assert "visitor=" in asked.value.url
    assert inside.evaluate("window.fresh.token") == asked.value.json()["token"]


def test_messages_from_anybody_else_are_ignored(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    opened(page)

    page.evaluate("postMessage({ source: 'chat-gateway', type: 'close' }, '*')")
    page.wait_for_timeout(300)

    expect(page.get_by_role("dialog")).to_be_visible()


def test_it_can_be_taken_off_the_page(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    opened(page)

    page.evaluate("ChatGateway.remove()")

    expect(page.locator("iframe")).to_have_count(0)
    assert page.evaluate("'ChatGateway' in window") is False


def test_the_same_tag_twice_is_one_widget(visit: Any, drillquiz_site: Drillquiz) -> None:
    page = visit(drillquiz_site.page())
    page.add_script_tag(url=f"{drillquiz_site.gateway}/widget.js")

    expect(page.locator(".launcher")).to_have_count(1)


# When it goes wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [{"key": "pk_wrong"}, {"user_id": "alice"}, {"user_id": "alice", "user_hash": "0" * 64}]
)
def test_without_a_token_it_says_so_and_tries_again(
    visit: Any, drillquiz_site: Drillquiz, wrong: dict[str, str]
) -> None:
    page = visit(drillquiz_site.page(**wrong), expect="ChatGateway|status of 40")
    page.get_by_role("button", name="Open chat").click()

    expect(page.get_by_role("status")).to_have_text("The chat could not be opened. Please try again in a moment.")
    expect(page.locator("iframe")).to_have_count(0)
    page.evaluate("ChatGateway.close()")
    with page.expect_response(CHAT_TOKEN):
        page.evaluate("ChatGateway.open()")


def test_a_site_that_is_not_allowed_gets_no_chat(visit: Any, drillquiz_site: Drillquiz) -> None:
    """The same pages under another name: another origin."""
    elsewhere = drillquiz_site.page().replace("localhost", "127.0.0.1")
    page = visit(elsewhere, expect="ChatGateway|CORS|ERR_FAILED")
    page.get_by_role("button", name="Open chat").click()

    expect(page.get_by_role("status")).to_have_text("The chat could not be opened. Please try again in a moment.")
