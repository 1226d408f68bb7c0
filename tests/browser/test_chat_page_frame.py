"""The chat page by link, redirect and iframe, its token, and what its parent hears, in a real browser."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.chatting import answered, ask, banner, converse, ready, rows
from tests.browser.live import LiveGateway

Screenshot = Callable[[Any, str], None]


def embedding(site: str, source: str, sandbox: str = "") -> str:
    return f"{site}/embed?src={quote(source, safe='')}" + (f"&sandbox={quote(sandbox)}" if sandbox else "")


def heard(page: Any) -> list[str]:
    return [message["type"] for message in page.evaluate("heard")]


def hears(page: Any, word: str) -> bool:
    """Waits a moment for it."""
    for _ in range(50):
        if word in heard(page):
            return True
        page.wait_for_timeout(100)
    return False


def frame(page: Any) -> Any:
    return page.frame_locator("iframe")


# Three ways in ---------------------------------------------------------------------------------------------------


def test_a_link_from_another_site_works(page: Any, gateway: LiveGateway, site: str, user: str) -> None:
    page.goto(f"{site}/link?to={quote(gateway.link(user), safe='')}")
    page.get_by_text("Chat").click()

    ready(page)
    assert page.evaluate("document.referrer") == "" or site in page.evaluate("document.referrer")
    converse(page, "Hello")


def test_a_redirect_works(page: Any, gateway: LiveGateway, site: str, user: str) -> None:
    page.goto(f"{site}/redirect?to={quote(gateway.link(user, path='/chat-api'), safe='')}")

    ready(page)
    converse(page, "Hello")


def test_an_iframe_on_an_allowed_site_works(
    page: Any, gateway: LiveGateway, site: str, user: str, screenshot: Screenshot
) -> None:
    page.goto(embedding(site, gateway.link(user, embed="1", lang="ko")))
    ready(frame(page))
    ask(frame(page), "안녕하세요")
    answered(frame(page), "안녕하세요")
    screenshot(page, "iframe")

    assert page.context.cookies() == []


def test_an_iframe_on_another_site_is_blocked(new_page: Any, gateway: LiveGateway, other_site: str, user: str) -> None:
    page = new_page(expect="frame-ancestors")
    page.goto(embedding(other_site, gateway.link(user, embed="1")))
    page.wait_for_timeout(1000)

    assert not [found for found in page.frames if found.url.startswith(gateway.url)]


def test_a_sandboxed_iframe_without_storage_works(page: Any, gateway: LiveGateway, site: str, user: str) -> None:
    page.goto(embedding(site, gateway.link(user, embed="1"), sandbox="allow-scripts allow-forms"))
    ready(frame(page))
    converse(frame(page), "Without storage")
    frame(page).get_by_role("button", name="Conversations").click()

    rows(frame(page)).get_by_text("Without storage").wait_for()


# The token -------------------------------------------------------------------------------------------------------


def test_the_token_leaves_the_address_at_once(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)

    assert "token" not in page.url
    assert "eyJ" not in page.url
    assert page.evaluate("history.length") <= 2


def test_the_token_is_in_no_log_of_the_server(page: Any, gateway: LiveGateway, user: str) -> None:
    link = gateway.link(user)
    page.goto(link)
    ready(page)
    converse(page, "Hello")
    token = link.partition("token=")[2]

    log = gateway.log.read_text()
    assert "GET /chat 200" in log
    assert token not in log
    assert token.split(".")[2] not in log


def test_a_reload_goes_on_without_the_token_in_the_address(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    converse(page, "Hello")

    response = page.reload()

    assert response.status == 200
    answered(page)
    converse(page, "Still here")


def test_the_token_stays_in_its_tab(new_page: Any, page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)
    other_tab = page.context.new_page()
    other_tab.goto(page.url)

    banner(other_tab).get_by_text("To continue, please open the chat").wait_for()
    assert other_tab.locator("#conversations li").count() == 0


def test_two_users_in_one_tab_are_not_mixed_up(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(f"{user}-1"))
    converse(page, "From the first user")
    page.goto(gateway.link(f"{user}-2"))
    ready(page)
    assert rows(page).count() == 0

    page.go_back()

    rows(page).get_by_text("From the first user").wait_for()


@pytest.mark.parametrize(("query", "words"), [("", "사이트에서 열어 주세요"), ("token=nonsense&", "올바르지 않거나")])
def test_a_missing_or_bad_token_says_what_to_do(
    new_page: Any, gateway: LiveGateway, query: str, words: str, screenshot: Screenshot
) -> None:
    page = new_page(expect="401")

    response = page.goto(f"{gateway.url}/chat?{query}lang=ko")

    assert response.status == 401
    page.get_by_text(words).wait_for()
    page.wait_for_timeout(300)
    assert "nonsense" not in page.url
    screenshot(page, "refused-ko")


def test_an_expired_token_is_said_to_the_parent_and_in_words(
    new_page: Any, gateway: LiveGateway, site: str, user: str, screenshot: Screenshot
) -> None:
    page = new_page(expect="401")
    expired = f"{gateway.url}/chat?embed=1&token={gateway.token(user, seconds=-3600)}"
    page.goto(embedding(site, expired))
    frame(page).get_by_text("This link has expired.").wait_for()
    screenshot(page, "expired")

    assert hears(page, "token-expired")
    page.evaluate("(token) => tell({ type: 'token', token })", gateway.token(user))
    ready(frame(page))


def test_a_token_that_runs_out_is_renewed_by_the_parent(page: Any, gateway: LiveGateway, site: str, user: str) -> None:
    short = f"{gateway.url}/chat?embed=1&token={gateway.token(user, seconds=3)}"
    page.goto(embedding(site, short))
    ready(frame(page))
    frame(page).locator("#input").fill("Half a sent")
    frame(page).get_by_text("Your session has ended.").first.wait_for()

    assert heard(page)[0] == "ready"
    assert heard(page).count("token-expired") == 1
    page.evaluate("(token) => tell({ type: 'token', token })", gateway.token(user))
    banner(frame(page)).wait_for(state="hidden")
    assert frame(page).locator("#input").input_value() == "Half a sent"
    ask(frame(page), "Renewed")
    answered(frame(page), "Renewed")


def test_a_token_that_runs_out_in_a_tab_says_what_to_do(
    page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot
) -> None:
    page.goto(f"{gateway.url}/chat?token={gateway.token(user, seconds=2)}")
    ready(page)

    banner(page).get_by_text("Your session has ended. Please open the chat again").wait_for()
    screenshot(page, "session-over")


def test_a_call_that_finds_the_token_expired_goes_on_with_the_new_one(
    new_page: Any, gateway: LiveGateway, site: str, user: str
) -> None:
    page = new_page(expect="401")
    page.goto(embedding(site, gateway.link(user, embed="1")))
    ready(frame(page))
    refused = json.dumps({"detail": "This token has expired.", "code": "token_expired"})
    page.route("**/v1/chat", lambda route: route.fulfill(status=401, body=refused), times=1)
    ask(frame(page), "Asked with the old one")
    assert hears(page, "token-expired")
    page.evaluate("(token) => tell({ type: 'token', token })", gateway.token(user))

    answered(frame(page), "Asked with the old one")


def test_another_origin_is_neither_heard_nor_told(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page()
    page.goto(gateway.link(user))
    ready(page)
    page.evaluate("(token) => window.postMessage({ source: 'chat-gateway', type: 'start', message: 'Forged' })", "")
    page.wait_for_timeout(300)

    assert page.locator(".question").count() == 0
    assert page.input_value("#input") == ""


# What the parent can do ------------------------------------------------------------------------------------------


def test_the_parent_can_start_with_a_message(page: Any, gateway: LiveGateway, site: str, user: str) -> None:
    page.goto(embedding(site, gateway.link(user, embed="1")))
    ready(frame(page))
    page.evaluate("tell({ type: 'start', message: 'Explain question 7' })")

    answered(frame(page), "Explain question 7")


def test_a_start_message_does_not_overwrite_what_is_typed(
    page: Any, gateway: LiveGateway, site: str, user: str
) -> None:
    page.goto(embedding(site, gateway.link(user, embed="1")))
    ready(frame(page))
    frame(page).locator("#input").fill("My own words")
    page.evaluate("tell({ type: 'start', message: 'Explain question 7' })")
    page.wait_for_timeout(300)

    assert frame(page).locator("#input").input_value() == "My own words"


def test_a_start_message_waits_for_the_inputs_an_app_needs(
    page: Any, gateway: LiveGateway, site: str, user: str
) -> None:
    page.goto(embedding(site, gateway.link(user, embed="1", system_id="asking")))
    frame(page).get_by_label("Your name").wait_for()
    page.evaluate("tell({ type: 'start', message: 'Explain question 7' })")
    frame(page).get_by_text("Please fill in this field.").wait_for()

    assert frame(page).locator("#input").input_value() == "Explain question 7"


def test_a_token_of_another_user_changes_whose_chats_are_shown(
    page: Any, gateway: LiveGateway, site: str, user: str
) -> None:
    page.goto(embedding(site, gateway.link(f"{user}-1", embed="1")))
    converse(frame(page), "From the first user")
    page.evaluate("(token) => tell({ type: 'token', token })", gateway.token(f"{user}-2"))
    ready(frame(page))
    frame(page).locator("#welcome").wait_for()

    assert frame(page).locator(".question").count() == 0
    assert rows(frame(page)).count() == 0


def test_the_compact_form_closes_starts_and_finds_conversations(
    page: Any, gateway: LiveGateway, site: str, user: str, screenshot: Screenshot
) -> None:
    page.goto(embedding(site, gateway.link(user, embed="1")))
    chat = frame(page)
    converse(chat, "First topic")
    chat.get_by_role("button", name="New chat").last.click()
    ready(chat)
    assert chat.locator(".question").count() == 0
    chat.get_by_role("button", name="Conversations").click()
    screenshot(page, "embed-drawer")
    rows(chat).get_by_text("First topic").click()
    chat.locator(".question").get_by_text("First topic").wait_for()
    chat.get_by_role("button", name="Close").last.click()

    assert hears(page, "close")


def test_nothing_is_fetched_from_elsewhere(page: Any, gateway: LiveGateway, user: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(gateway.link(user))
    converse(page, "[[md]]")

    assert {url for url in asked if not url.startswith((gateway.url, "data:", "blob:"))} == set()
    assert all(re.search(r"\.[0-9a-f]{12}\.", url) for url in asked if "/static/" in url), "unhashed files"
