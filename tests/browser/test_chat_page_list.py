"""The list of conversations, the address, and writing, in a real browser."""

from collections.abc import Callable
from typing import Any

from dify.standin.server import StandIn
from tests.browser.chatting import answered, ask, converse, ready, rows
from tests.browser.live import LiveGateway

Screenshot = Callable[[Any, str], None]


def begin(page: Any, gateway: LiveGateway, user: str, *questions: str) -> None:
    """A conversation for each question; the last one is open."""
    page.goto(gateway.link(user))
    ready(page)
    for question in questions:
        page.locator("#new-chat").click()
        converse(page, question)


def test_conversations_are_listed_and_opened(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic", "Second topic")

    rows(page).filter(has_text="First topic").locator("a").click()

    page.locator(".question").get_by_text("First topic").wait_for()
    assert page.locator("h1").inner_text() == "First topic"
    assert page.locator("#conversations [aria-current=page]").inner_text() == "First topic"


def test_the_back_button_goes_through_conversations(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic", "Second topic")
    rows(page).filter(has_text="First topic").locator("a").click()
    page.locator(".question").get_by_text("First topic").wait_for()

    page.go_back()
    page.locator(".question").get_by_text("Second topic").wait_for()
    page.go_forward()
    page.locator(".question").get_by_text("First topic").wait_for()


def test_a_reload_shows_the_same_conversation(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic")
    page.reload()

    page.locator(".question").get_by_text("First topic").wait_for()


def test_renaming(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic")
    rows(page).first.hover()
    page.get_by_role("button", name="Rename “First topic”").click()
    page.get_by_label("New name").fill("Ledgers")
    page.keyboard.press("Enter")

    rows(page).get_by_text("Ledgers").wait_for()
    assert page.locator("h1").inner_text() == "Ledgers"
    page.wait_for_timeout(300)
    page.reload()
    rows(page).get_by_text("Ledgers").wait_for()


def test_escape_leaves_the_name_as_it_was(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic")
    rows(page).first.hover()
    page.get_by_role("button", name="Rename “First topic”").click()
    page.get_by_label("New name").fill("Something else")
    page.keyboard.press("Escape")

    rows(page).get_by_text("First topic").wait_for()
    assert page.evaluate("document.activeElement.dataset.act") == "rename"


def test_a_deleted_conversation_can_be_brought_back(
    page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot
) -> None:
    begin(page, gateway, user, "First topic", "Second topic")
    rows(page).first.hover()
    page.get_by_role("button", name="Delete “Second topic”").click()
    page.get_by_text("“Second topic” was deleted.").wait_for()
    screenshot(page, "deleted")

    assert rows(page).count() == 1
    assert page.locator(".question").count() == 0
    page.get_by_role("button", name="Undo").click()
    page.wait_for_timeout(300)
    page.reload()
    rows(page).nth(1).wait_for()


def test_without_undo_it_is_deleted(page: Any, gateway: LiveGateway, user: str, live_dify: StandIn) -> None:
    begin(page, gateway, user, "First topic")
    rows(page).first.hover()
    page.get_by_role("button", name="Delete “First topic”").click()
    page.locator(".snackbar").wait_for(state="detached")
    page.wait_for_timeout(300)

    assert any(request.method == "DELETE" and user in request.body.decode() for request in live_dify.requests)


def test_leaving_the_page_does_not_bring_it_back(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic", "Second topic")
    rows(page).first.hover()
    page.get_by_role("button", name="Delete “Second topic”").click()
    page.locator(".snackbar").wait_for()
    page.reload()
    page.wait_for_timeout(500)
    page.reload()

    rows(page).get_by_text("First topic").wait_for()
    assert rows(page).count() == 1


def test_older_conversations_come_on_scroll(page: Any, gateway: LiveGateway, user: str, live_dify: StandIn) -> None:
    app = next(iter(live_dify.world.apps.values()))
    for number in range(70):
        made = live_dify.store.add_conversation(app.id, f"drillquiz_{user}", created_at=1_700_000_000 + 60 * number)
        live_dify.store.rename(made, f"Topic {number}")
        made.updated_at = made.created_at
    page.goto(gateway.link(user))
    rows(page).first.wait_for()
    assert rows(page).count() < 70

    for _ in range(5):
        page.locator("#conversations-scroll").evaluate("(list) => list.scrollTo(0, list.scrollHeight)")
        page.wait_for_timeout(400)

    assert rows(page).count() == 70


def test_older_messages_come_on_scroll(page: Any, gateway: LiveGateway, user: str, live_dify: StandIn) -> None:
    app = next(iter(live_dify.world.apps.values()))
    made = live_dify.store.add_conversation(app.id, f"drillquiz_{user}", created_at=1_700_000_000)
    for number in range(50):
        live_dify.store.add_message(made, f"Question {number}", f"Answer {number}", created_at=1_700_000_000 + number)
    page.goto(gateway.link(user) + f"#c={made.id}")
    page.get_by_text("Answer 49").wait_for()
    assert page.locator(".question").count() == 20

    for _ in range(6):
        page.locator("#log").evaluate("(log) => log.scrollTo(0, 0)")
        page.wait_for_timeout(300)

    assert page.locator(".question .bubble").all_inner_texts() == [f"Question {number}" for number in range(50)]


def test_a_second_tab_shows_the_same_conversations(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic")
    second = page.context.new_page()
    second.goto(gateway.link(user))

    rows(second).get_by_text("First topic").wait_for()


def test_a_conversation_that_is_gone_says_so(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(expect="404")
    page.goto(gateway.link(user) + "#c=00000000-0000-4000-8000-000000000000")

    page.get_by_text("This conversation is no longer available.").wait_for()


# Writing ---------------------------------------------------------------------------------------------------------


def test_enter_sends_and_shift_enter_breaks_the_line(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)
    height = page.locator("#input").bounding_box()["height"]
    page.locator("#input").press_sequentially("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")

    assert page.input_value("#input") == "one\ntwo"
    assert page.locator("#input").bounding_box()["height"] > height
    page.keyboard.press("Enter")
    answered(page)
    assert page.locator(".question .bubble").inner_text() == "one\ntwo"
    assert page.input_value("#input") == ""


def test_enter_that_confirms_a_composition_does_not_send(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(locale="ko-KR")
    page.goto(gateway.link(user))
    ready(page)
    page.locator("#input").focus()
    keyboard = page.context.new_cdp_session(page)
    keyboard.send("Input.imeSetComposition", {"text": "안녕", "selectionStart": 2, "selectionEnd": 2})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    keyboard.send("Input.insertText", {"text": "안녕"})
    keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})

    page.wait_for_timeout(300)
    assert page.input_value("#input") == "안녕"
    assert page.locator(".question").count() == 0
    page.keyboard.press("Enter")
    answered(page)
    assert page.locator(".question .bubble").inner_text() == "안녕"


def test_an_enter_that_the_browser_calls_composing_does_not_send(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)
    page.fill("#input", "にほん")
    page.locator("#input").evaluate(
        "(input) => input.dispatchEvent(new KeyboardEvent('keydown', "
        "{ key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"
    )

    page.wait_for_timeout(300)
    assert page.locator(".question").count() == 0


def test_drafts_are_kept_for_each_conversation_and_over_a_reload(page: Any, gateway: LiveGateway, user: str) -> None:
    begin(page, gateway, user, "First topic")
    page.fill("#input", "Draft in the first")
    page.locator("#new-chat").click()
    assert page.input_value("#input") == ""
    page.fill("#input", "Draft in a new one")
    rows(page).first.locator("a").click()

    page.locator(".question").wait_for()
    assert page.input_value("#input") == "Draft in the first"
    page.reload()
    page.locator(".question").wait_for()
    assert page.input_value("#input") == "Draft in the first"


def test_what_is_typed_while_an_answer_runs_is_kept(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)
    ask(page, "Go on [[slow 1]] [[long 20]] [[paced 40]]")
    page.locator("#input").press_sequentially("And then?")
    page.keyboard.press("Enter")
    answered(page)

    assert page.input_value("#input") == "And then?"
    assert page.locator(".question").count() == 1


def test_it_follows_the_newest_words_unless_the_reader_scrolled_up(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    converse(page, "[[long 300]]")
    ask(page, "[[long 300]] [[paced 10]]")
    page.wait_for_timeout(600)
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -900)
    page.wait_for_timeout(300)
    before = page.locator("#log").evaluate("(log) => log.scrollTop")
    page.wait_for_timeout(800)

    assert page.locator("#log").evaluate("(log) => log.scrollTop") == before
    page.get_by_role("button", name="Jump to the newest message").click()
    assert page.locator("#log").evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight") < 80
