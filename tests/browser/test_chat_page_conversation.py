"""Asking and answering on the chat page, in a real browser."""

import re
from collections.abc import Callable
from typing import Any

from dify.standin.server import StandIn
from tests.browser.chatting import answered, ask, converse, ready
from tests.browser.live import LiveGateway

Screenshot = Callable[[Any, str], None]


def test_it_greets_and_suggests_first_questions(
    page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot
) -> None:
    page.goto(gateway.link(user))
    ready(page)

    assert "stand-in for Dify" in page.locator("#greeting").inner_text()
    screenshot(page, "empty")
    page.get_by_role("button", name="What can you do?").click()

    answered(page, "You asked")


def test_an_answer_streams_in_as_formatted_markdown(
    page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot
) -> None:
    page.goto(gateway.link(user))
    ready(page)
    ask(page, "Show me [[md]] [[paced 30]]")
    page.locator(".answer .arriving strong").wait_for()

    assert page.locator(".answer .actions:not([hidden])").count() == 0, "formatted before it was complete"
    screenshot(page, "streaming")
    answer = answered(page)
    for selector in ("h3", "ul li ul", "ol", "blockquote", "table", "figure.code pre", "a[target=_blank]"):
        assert answer.locator(selector).count() >= 1, selector
    assert answer.locator("figure.code figcaption").inner_text().strip() == "python"
    screenshot(page, "markdown")


def test_a_long_answer_grows_without_losing_its_beginning(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    answer = converse(page, "[[long 300]]").locator(".markdown").inner_text()

    assert answer.split() == [f"{('단어', 'word', '🙂')[n % 3]}{n}" for n in range(300)]


def test_code_and_answers_are_copied_as_they_were_written(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(gateway.link(user))
    answer = converse(page, "[[md]]")

    answer.get_by_role("button", name="Copy code").click()
    page.locator("figure.code").get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("def greet(name: str)")
    answer.get_by_role("button", name="Copy code").wait_for()
    answer.get_by_role("button", name="Copy answer").click()
    answer.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("# Heading")


def test_sources_are_folded_under_the_answer(
    page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot
) -> None:
    page.goto(gateway.link(user))
    answer = converse(page, "Where from? [[sources]]")

    assert not answer.get_by_text("Working hours").is_visible()
    answer.get_by_text("Sources (2)").click()
    assert answer.get_by_text("Working hours").is_visible()
    screenshot(page, "sources")
    page.reload()
    answered(page).get_by_text("Sources (2)").wait_for()


def test_it_suggests_how_to_go_on(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    converse(page, "Hello")

    page.get_by_role("button", name="Tell me more").click()

    page.locator(".answer .actions:not([hidden])").nth(1).wait_for()
    assert page.locator(".question").last.locator(".bubble").inner_text() == "Tell me more"


def test_thumbs_reach_dify_and_are_there_after_a_reload(
    page: Any, gateway: LiveGateway, user: str, live_dify: StandIn
) -> None:
    page.goto(gateway.link(user))
    converse(page, "Hello").get_by_role("button", name="Good answer").click()
    page.locator("[aria-label='Good answer'][aria-pressed=true]").wait_for()
    page.wait_for_timeout(300)
    page.reload()
    page.locator("[aria-label='Good answer'][aria-pressed=true]").wait_for()

    page.get_by_role("button", name="Bad answer").click()
    page.get_by_placeholder("What was wrong? (optional)").fill("Too short")
    page.keyboard.press("Enter")
    page.get_by_text("Thank you for your feedback.").first.wait_for()

    sent = [request for request in live_dify.requests if request.path.endswith("/feedbacks")]
    assert b"Too short" in sent[-1].body


def test_stopping_keeps_what_was_said(page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot) -> None:
    page.goto(gateway.link(user))
    ask(page, "Go on and on [[long 300]] [[paced 60]]")
    page.get_by_text("word1").first.wait_for()
    page.get_by_role("button", name="Stop answering").click()

    answer = answered(page)

    assert "You stopped this answer." in answer.inner_text()
    assert "word1" in answer.inner_text()
    assert "word299" not in answer.inner_text()
    screenshot(page, "stopped")
    assert page.get_by_role("button", name="Send message").is_visible()


def test_a_failure_is_said_in_words_and_can_be_tried_again(
    new_page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot
) -> None:
    page = new_page(expect="502", locale="ko-KR")
    page.goto(gateway.link(user))
    ask(page, "안 돼요 [[error]]")
    page.get_by_text("답변을 만들지 못했습니다. 잠시 후 다시 시도해 주세요.").first.wait_for()
    screenshot(page, "failed-ko")

    assert page.locator(".question .bubble").inner_text() == "안 돼요 [[error]]"
    page.get_by_role("button", name="다시 시도").click()

    page.locator(".failure").wait_for()
    assert page.locator(".question").count() == 1


def test_a_message_that_could_not_leave_is_tried_again(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(expect="ERR_")
    page.goto(gateway.link(user))
    ready(page)
    page.route("**/v1/chat", lambda route: route.abort())
    ask(page, "Precious words")
    page.get_by_text("The connection was lost.").first.wait_for()
    page.unroute("**/v1/chat")
    page.get_by_role("button", name="Try again").click()

    answered(page, "Precious words")
    assert page.locator(".question").count() == 1


def test_what_never_arrived_is_still_there_after_a_reload(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(expect="ERR_")
    page.goto(gateway.link(user))
    converse(page, "Hello")
    page.route("**/v1/chat", lambda route: route.abort())
    ask(page, "Precious words")
    page.locator(".failure").wait_for()
    page.unroute("**/v1/chat")
    page.reload()

    page.get_by_text("This message may not have arrived.").first.wait_for()
    assert page.locator(".question .bubble").last.inner_text() == "Precious words"
    page.get_by_role("button", name="Try again").click()
    answered(page, "Precious words")


def test_a_question_can_be_sent_again(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    converse(page, "Hello")
    page.locator(".question").hover()
    page.get_by_role("button", name="Send again").click()

    page.locator(".answer .actions:not([hidden])").nth(1).wait_for()
    assert page.locator(".question .bubble").all_inner_texts() == ["Hello", "Hello"]


def test_being_offline_is_said_and_nothing_typed_is_lost(
    new_page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot
) -> None:
    page = new_page(expect="ERR_INTERNET_DISCONNECTED")
    page.goto(gateway.link(user))
    ready(page)
    page.context.set_offline(True)
    page.locator("#banner").get_by_text("You are offline.").wait_for()
    ask(page, "Written in a tunnel")
    screenshot(page, "offline")

    assert page.locator(".question").count() == 0
    page.context.set_offline(False)
    page.locator("#banner").wait_for(state="hidden")
    assert page.input_value("#input") == "Written in a tunnel"
    page.press("#input", "Enter")
    answered(page, "Written in a tunnel")


def test_an_answer_is_picked_up_again_after_the_network_was_away(
    new_page: Any, gateway: LiveGateway, user: str
) -> None:
    page = new_page(expect="ERR_")
    page.goto(gateway.link(user))
    # A stream that breaks off in the middle, as when a train enters a tunnel.
    page.add_init_script(
        """const real = window.fetch;
        window.fetch = async (url, options) => {
            const response = await real(url, options);
            if (!String(url).endsWith("/v1/chat")) return response;
            const reader = response.body.getReader();
            let pieces = 0;
            const broken = new ReadableStream({
                async pull(controller) {
                    const { value } = await reader.read();
                    if (++pieces > 8) controller.error(new TypeError("network error"));
                    else controller.enqueue(value);
                },
            });
            return new Response(broken, response);
        };"""
    )
    page.reload()
    ready(page)
    ask(page, "A long way [[long 40]] [[paced 50]]")

    answered(page, "word37")
    assert page.locator(".question").count() == 1


def test_an_answer_that_runs_goes_on_arriving_after_a_reload(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ask(page, "A long way [[long 60]] [[paced 60]]")
    page.get_by_text("word1").first.wait_for()
    page.reload()
    page.locator(".answer .markdown p").wait_for()

    seen = page.locator(".answer .markdown").inner_text()
    assert "word58" not in seen
    answered(page, "word58")


def test_an_answer_that_ran_while_the_page_was_closed_is_there(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page()
    page.goto(gateway.link(user))
    ask(page, "A long way [[long 40]] [[paced 60]]")
    page.get_by_text("word1").first.wait_for()
    page.close()

    again = new_page()
    again.goto(gateway.link(user))
    again.locator("#conversations a").first.click()

    answered(again, "word37")
    assert again.locator(".question").count() == 1


def test_a_first_question_survives_a_reload_before_dify_has_answered(
    page: Any, gateway: LiveGateway, user: str
) -> None:
    page.goto(gateway.link(user))
    ready(page)
    ask(page, "Think first [[slow 2]]")
    page.wait_for_timeout(300)
    page.reload()

    assert page.locator(".question .bubble").inner_text() == "Think first [[slow 2]]"
    answered(page, "Think first")
    assert re.search("#c=", page.url)


def test_required_inputs_are_asked_for_first(
    page: Any, gateway: LiveGateway, user: str, live_dify: StandIn, screenshot: Screenshot
) -> None:
    page.goto(gateway.link(user, system_id="asking"))
    page.get_by_label("Your name").wait_for()
    screenshot(page, "inputs")
    ask(page, "Hello")

    assert page.get_by_text("Please fill in this field.").is_visible()
    assert page.input_value("#input") == "Hello"
    page.get_by_label("Your name").fill("Alice")
    page.get_by_label("Level").select_option("expert")
    page.press("#input", "Enter")
    answered(page)
    sent = [request for request in live_dify.requests if request.path == "/v1/chat-messages"][-1]
    assert b'"name":"Alice"' in sent.body
    assert b'"level":"expert"' in sent.body


def test_the_language_reaches_dify(page: Any, gateway: LiveGateway, user: str, live_dify: StandIn) -> None:
    page.goto(gateway.link(user, lang="ja"))
    ready(page)
    converse(page, "こんにちは")

    sent = [request for request in live_dify.requests if request.path == "/v1/chat-messages"][-1]
    assert b'"language":"ja"' in sent.body
    assert page.get_by_role("button", name="回答をコピー").is_visible()


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f0005000"
    "1ffa3d5a2b60000000049454e44ae426082"
)
DROP_OR_PASTE = """([kind, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], kind + ".png", { type: "image/png" }));
    const options = { bubbles: true, cancelable: true, [kind === "paste" ? "clipboardData" : "dataTransfer"]: data };
    const event = kind === "paste" ? new ClipboardEvent(kind, options) : new DragEvent(kind, options);
    document.getElementById("input").dispatchEvent(event);
}"""


def test_images_go_along_by_button_paste_and_drop(
    page: Any, gateway: LiveGateway, user: str, live_dify: StandIn, screenshot: Screenshot
) -> None:
    page.goto(gateway.link(user))
    page.locator("#attach:not([hidden])").wait_for()
    page.set_input_files("#file-input", {"name": "button.png", "mimeType": "image/png", "buffer": PNG})
    for kind in ("paste", "drop"):
        page.evaluate(DROP_OR_PASTE, [kind, list(PNG)])
    page.locator("#attachments .file:not(.uploading)").nth(2).wait_for()
    screenshot(page, "attachments")
    page.get_by_role("button", name="Remove drop.png").click()
    ask(page, "What is this?")
    answered(page)

    sent = [request for request in live_dify.requests if request.path == "/v1/chat-messages"][-1]
    assert sent.body.count(b"upload_file_id") == 2
    assert page.locator(".question .file").count() == 2


def test_a_file_that_the_app_does_not_take_is_refused_in_words(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    page.locator("#attach:not([hidden])").wait_for()
    page.set_input_files("#file-input", {"name": "tool.exe", "mimeType": "application/x-dosexec", "buffer": b"MZ"})

    page.get_by_text("tool.exe is a type of file that cannot be sent here.").wait_for()
    assert page.locator("#attachments .file").count() == 0
