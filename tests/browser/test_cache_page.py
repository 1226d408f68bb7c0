"""The history page in a real browser: by mouse, by keyboard, on a phone, without JavaScript, for everybody."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from history.models import Conversation
from history.pages import listing
from tenants.models import ApiKey, System
from tests.browser.test_chat_page_safety import violations
from tests.ledger import NOON, asked, talked

Screenshot = Callable[[Any, str], None]
Look = Callable[..., Any]
PASSWORD = "correct-horse-battery"
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
MARKDOWN = (
    "**Bold**\n\n```python\nprint('" + "long " * 60 + "')\n```\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n\n- 하나\n- 둘"
)
SOURCES = [{"document_name": "Handbook.pdf", "score": 0.83, "content": "Page one."}]


@pytest.fixture
def talks(drillquiz: System) -> list[Conversation]:
    """Three conversations, the newest first."""
    full = {"query": "How?\n" + "x" * 300, "answer": MARKDOWN, "citations": SOURCES, "feedback": "dislike"}
    numbers = {"latency_ms": 1200, "tokens": 345, "price": "0.0012", "currency": "USD"}
    failed: dict[str, Any] = {"status": "failed", "error_code": "upstream_timeout", "answer": ""}
    asked(drillquiz, "alice", query="Is anybody there?", **failed)
    return [
        talked(drillquiz, "alice", full | numbers, failed, name="Newest", at=NOON + timedelta(hours=2)),
        talked(drillquiz, "bob", {"answer": "About refunds"}, name="중간 대화", at=NOON + timedelta(hours=1)),
        talked(drillquiz, "alice", {}, name="Oldest", deleted_at=NOON),
    ]


@pytest.fixture
def look(new_page: Look, live_server: LiveServer, talks: list[Conversation]) -> Iterator[Look]:
    """Opens the page in a browser of its own, which came in with a key of DrillQuiz."""
    key = ApiKey.issue(System.objects.get(system_id="drillquiz"))[1]

    def open_page(path: str = "/cache", **options: Any) -> Any:
        page = new_page(base_url=live_server.url, **options)
        page.goto(f"{path}{'&' if '?' in path else '?'}api_key={key}")
        assert key not in page.url
        return page

    yield open_page
    connection.close()


def opened(page: Any, name: str) -> None:
    page.locator("#thread-name").get_by_text(name, exact=True).wait_for()
    page.locator(".row[aria-current]").get_by_text(name, exact=True).wait_for(state="attached")


def focused(page: Any) -> str:
    return page.evaluate("(document.activeElement.querySelector('.row-name') ?? document.activeElement).textContent")


def row(page: Any, name: str) -> Any:
    return page.locator(".row").filter(has_text=name)


# Reading ---------------------------------------------------------------------------------------------------------


def test_an_operator_logs_in_and_reads_a_conversation(
    new_page: Look, live_server: LiveServer, talks: list[Conversation], drillquiz: System
) -> None:
    person = User.objects.create_user("operator", password=PASSWORD, is_staff=True)
    person.systems.add(drillquiz)
    page = new_page(base_url=live_server.url)
    page.goto("/cache?q=refunds")
    page.fill("[name=username]", "operator")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")

    page.locator(".row").click()

    opened(page, "중간 대화")
    assert page.locator("mark").inner_text() == "refunds"
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/admin/logout/")
    page.goto("/cache")
    assert "/admin/login/" in page.url
    connection.close()


def test_a_conversation_opens_beside_the_list_without_a_reload(look: Look, talks: list[Conversation]) -> None:
    page = look("/cache?user_id=alice")
    page.evaluate("window.stayed = true")

    row(page, "Oldest").click()

    opened(page, "Oldest")
    assert page.evaluate("window.stayed")
    assert f"user_id=alice&open={talks[2].pk}" in page.url
    assert page.title() == "Oldest · Chat Gateway"
    assert row(page, "Newest").is_visible()
    assert focused(page) == "Oldest"


def test_back_and_forward_and_a_reload_show_what_they_should(look: Look) -> None:
    page = look()
    row(page, "Newest").click()
    opened(page, "Newest")
    row(page, "Oldest").click()
    opened(page, "Oldest")

    page.go_back()
    opened(page, "Newest")
    page.go_back()
    page.get_by_text("Choose a conversation").wait_for()
    page.go_forward()
    opened(page, "Newest")
    page.reload()
    opened(page, "Newest")


def test_a_link_in_a_new_tab_is_the_browsers_own(look: Look) -> None:
    page = look()

    with page.context.expect_page() as tab:
        row(page, "Oldest").click(modifiers=["Control"])

    opened(tab.value, "Oldest")
    assert page.locator("#thread-name").count() == 0


def test_when_the_visit_is_over_the_browser_goes_to_the_login(look: Look) -> None:
    page = look(expect="401")
    page.context.clear_cookies()

    row(page, "Newest").click()

    page.wait_for_url("**/admin/login/**")


def test_the_file_of_what_is_filtered_is_saved(look: Look) -> None:
    page = look("/cache?user_id=bob")

    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()

    assert saved.value.suggested_filename.startswith("history-drillquiz-until-")
    text = saved.value.path().read_text(encoding="utf-8-sig")
    assert "About refunds" in text
    assert "alice" not in text


def test_filters_are_filled_in_and_taken_away(look: Look) -> None:
    page = look()
    page.get_by_label("User", exact=True).fill("alice")
    page.get_by_label("Feedback").select_option("Disliked")
    page.get_by_role("button", name="Search").click()
    page.locator(".filter-chip").first.wait_for()
    assert page.locator(".row:not(.unnamed)").count() == 1

    page.locator(".filter-chip").filter(has_text="Disliked").click()
    page.get_by_text("Oldest").wait_for()
    assert page.locator(".row:not(.unnamed)").count() == 2
    page.get_by_role("link", name="Clear all").click()
    page.get_by_text("중간 대화").wait_for()


# The keyboard ----------------------------------------------------------------------------------------------------


def test_next_and_previous_by_keyboard(look: Look) -> None:
    page = look("/cache?user_id=alice&status=answered")
    page.keyboard.press("j")
    opened(page, "Newest")
    page.keyboard.press("j")
    opened(page, "Oldest")
    assert focused(page) == "Oldest"
    page.keyboard.press("j")  # there is nothing more
    page.keyboard.press("k")
    opened(page, "Newest")
    page.keyboard.press("ArrowDown")  # in the list
    opened(page, "Oldest")
    page.keyboard.press("ArrowUp")
    opened(page, "Newest")


def test_many_keys_at_once_end_where_they_should(look: Look) -> None:
    page = look()
    for key in "jjjkkjjj":
        page.keyboard.press(key)

    opened(page, "Oldest")
    page.wait_for_timeout(500)
    opened(page, "Oldest")


def test_the_keyboard_goes_beyond_the_page_of_the_list(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    page = look("/cache?open=last")
    opened(page, "중간 대화")
    page.keyboard.press("j")
    opened(page, "Oldest")
    page.keyboard.press("k")
    opened(page, "중간 대화")


def test_slash_searches_and_escape_closes(look: Look) -> None:
    page = look()
    row(page, "Newest").click()
    opened(page, "Newest")
    page.keyboard.press("Escape")
    page.locator("#thread-name").wait_for(state="detached")
    assert focused(page) == "Newest"
    assert "open=" not in page.url

    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "filter-q"


def test_keys_are_letters_while_somebody_types(look: Look) -> None:
    page = look()
    page.keyboard.press("/")
    page.keyboard.type("jk/jk")

    assert page.locator("#filter-q").input_value() == "jk/jk"
    page.get_by_label("Status").focus()
    page.keyboard.press("j")
    page.keyboard.press("Control+k")
    page.wait_for_timeout(300)
    assert page.locator("#thread-name").count() == 0


def test_keys_can_be_turned_off_for_good(look: Look) -> None:
    """Who speaks to their computer would otherwise set them off by words."""
    page = look()
    page.get_by_role("button", name="Turn keys off").click()
    page.reload()
    page.locator("#main").focus()
    page.keyboard.press("j")
    page.wait_for_timeout(300)
    assert page.locator("#thread-name").count() == 0

    page.get_by_role("button", name="Turn keys on").click()
    page.keyboard.press("j")
    page.locator("#thread-name").wait_for()


def test_a_screen_reader_hears_what_opened(look: Look) -> None:
    page = look()
    page.keyboard.press("j")
    page.keyboard.press("j")
    opened(page, "Newest")

    assert page.locator("#announcer").inner_text() == "Opened: Newest"


# Phones ----------------------------------------------------------------------------------------------------------


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_a_phone_a_conversation_takes_the_place_of_the_list(look: Look, screenshot: Screenshot) -> None:
    page = look(**PHONE)
    assert not page.locator("#thread").is_visible()
    screenshot(page, "cache-phone-list")

    row(page, "Newest").tap()
    opened(page, "Newest")
    assert not row(page, "Newest").is_visible()
    assert fits(page)
    screenshot(page, "cache-phone-thread")

    page.get_by_role("link", name="Back to the list").tap()
    row(page, "Newest").wait_for()
    assert not page.locator("#thread").is_visible()


def test_on_a_phone_the_filters_unfold(look: Look) -> None:
    page = look(**PHONE)
    assert not page.get_by_label("Status").is_visible()
    page.get_by_role("button", name="Filters").tap()
    page.get_by_label("Status").select_option("Failed")
    page.get_by_role("button", name="Search").tap()
    page.locator(".filter-chip").wait_for()

    assert page.locator(".row:not(.unnamed)").count() == 1


def test_on_a_phone_a_wrong_filter_is_in_sight(look: Look) -> None:
    page = look("/cache?status=great", expect="400", **PHONE)

    assert page.get_by_text("Choose one of: failed").is_visible()


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280])
def test_no_width_scrolls_sideways(look: Look, width: int) -> None:
    page = look(width=width, expect="400")
    for path in ("/cache", "/cache?open=first", "/cache?open=unnamed", "/cache?q=" + "x" * 300, "/cache?to_date=2"):
        page.goto(path)
        assert fits(page), path


# Everybody -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_complete_without_javascript(look: Look, width: int) -> None:
    page = look(width=width, java_script_enabled=False)
    page.get_by_label("Status").select_option("Failed")
    page.get_by_role("button", name="Search").click()
    row(page, "Newest").click()

    assert page.locator("#thread-name").inner_text() == "Newest"
    page.get_by_role("link", name="Close" if width > 760 else "Back to the list").first.click()
    assert page.locator("#thread-name").count() == 0
    page.get_by_role("link", name="Clear all").click()
    assert page.locator(".row:not(.unnamed)").count() == 3
    assert not page.get_by_text("Turn keys").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(look: Look, screenshot: Screenshot, width: int, scheme: str) -> None:
    page = look(width=width, color_scheme=scheme, expect="40[014]")
    paths = ["/cache", "/cache?q=refunds&open=first", "/cache?open=first", "/cache?open=last", "/cache?open=unnamed"]
    paths += ["/cache?q=nowhere", "/cache?from_date=2026-02-30&status=great", "/cache?open=0", "/cache?api_key=wrong"]

    found = {}
    for number, path in enumerate(paths):
        page.goto(path)
        screenshot(page, f"cache-{scheme}-{width}-{number}")
        found[path] = violations(page)

    assert {path: problems for path, problems in found.items() if problems} == {}
