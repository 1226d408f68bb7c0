"""Hostile answers, axe-core, the keyboard and narrow screens, in a real browser."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dify.standin.server import StandIn
from tests.browser.chatting import answered, converse, ready, rows
from tests.browser.live import LiveGateway
from tests.hostile import HOSTILE_MARKDOWN

Screenshot = Callable[[Any, str], None]


# Hostile answers -------------------------------------------------------------------------------------------------


def test_hostile_answers_run_nothing_load_nothing_and_cover_nothing(
    page: Any, gateway: LiveGateway, user: str, live_dify: StandIn, screenshot: Screenshot
) -> None:
    """From the history, all of them at once; every link is hovered and every element is clicked."""
    app = next(iter(live_dify.world.apps.values()))
    made = live_dify.store.add_conversation(app.id, f"drillquiz_{user}")
    for number, answer in enumerate(HOSTILE_MARKDOWN[:-1]):
        message = live_dify.store.add_message(made, answer, answer, created_at=1_700_000_000 + number)
        message.sources = [{"position": 1, "document_name": answer, "content": answer, "score": 0.5}]
    live_dify.store.rename(made, HOSTILE_MARKDOWN[1])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(gateway.link(user) + f"#c={made.id}")
    page.locator(".answer").first.wait_for()
    for _ in range(4):
        page.locator("#log").evaluate("(log) => log.scrollTo(0, 0)")
        page.wait_for_timeout(300)

    assert page.locator(".answer").count() == len(HOSTILE_MARKDOWN) - 1
    page.evaluate(
        """() => {
            const stay = (event) => event.preventDefault();
            addEventListener("click", stay, true);
            for (const element of document.querySelectorAll(".markdown *, .citations *, .bubble *")) {
                element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
                element.dispatchEvent(new FocusEvent("focus"));
                element.click?.();
            }
        }"""
    )
    page.wait_for_timeout(500)
    screenshot(page, "hostile")

    assert page.evaluate("window.pwned") is None
    foreign = page.locator(":is(#messages, #conversations) :is(script, style, iframe, form:not(.rename), img, object)")
    assert foreign.count() == 0
    assert [url for url in asked if not url.startswith(gateway.url)] == []
    links = page.locator("#messages a").evaluate_all("(all) => all.map((a) => [a.protocol, a.host, a.target])")
    assert {(protocol, target) for protocol, host, target in links} <= {("https:", "_blank"), ("http:", "_blank")}


def test_a_hostile_answer_that_streams_in_runs_nothing(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    converse(page, "<img src=x onerror=window.pwned=1> [[hostile]]")

    assert page.evaluate("window.pwned") is None
    assert page.evaluate("getComputedStyle(document.body).display") == "block"


def test_the_policy_stops_a_script_even_if_one_got_in(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(expect="Content Security Policy|404")
    page.goto(gateway.link(user))
    ready(page)
    page.evaluate(
        """() => {
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.pwned=1'>");
            const script = document.createElement("script");
            script.textContent = "window.pwned = 2";
            document.body.append(script);
        }"""
    )
    page.wait_for_timeout(300)

    assert page.evaluate("window.pwned") is None


# Accessibility ---------------------------------------------------------------------------------------------------


def violations(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python")
    source = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": source})
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", tags)
    return [
        f"{problem['id']}: {json.dumps([node['html'][:120] for node in problem['nodes']])}"
        for problem in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "embed"), [(1280, "0"), (390, "0"), (360, "1")])
def test_axe_finds_nothing(
    new_page: Any, gateway: LiveGateway, user: str, screenshot: Screenshot, scheme: str, width: int, embed: str
) -> None:
    page = new_page(width=width, color_scheme=scheme, expect="502", reduced_motion="reduce")
    page.goto(gateway.link(user, embed=embed))
    ready(page)
    assert violations(page) == []

    converse(page, "[[md]]")
    converse(page, "[[sources]]").locator("summary").click()
    page.locator(".question").first.hover()
    page.locator("#input").fill("[[error]]")
    page.keyboard.press("Enter")
    page.locator(".failure").wait_for()
    page.locator("#input").fill("more")
    screenshot(page, f"axe-{scheme}-{width}{'-embed' if embed == '1' else ''}")
    assert violations(page) == []
    if width < 1000:
        page.get_by_role("button", name="Conversations").click()
    rows(page).first.hover()
    page.locator("[data-act=rename]").click()
    page.wait_for_timeout(300)
    assert violations(page) == []


def test_axe_finds_nothing_on_the_refusal_and_the_inputs(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(expect="401")
    page.goto(f"{gateway.url}/chat")
    assert violations(page) == []
    page.goto(gateway.link(user, system_id="asking"))
    page.get_by_label("Your name").wait_for()
    page.locator("#input").fill("Hello")
    page.keyboard.press("Enter")
    assert violations(page) == []


def test_everything_can_be_done_by_keyboard(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)
    page.keyboard.type("By keyboard alone")
    page.keyboard.press("Enter")
    answered(page)

    reached: set[str] = set()
    label = ""
    while label != "Skip to the message box" and len(reached) < 40:
        page.keyboard.press("Shift+Tab")
        label = page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()")
        reached.add(label)
    for expected in (
        "Good answer",
        "Copy answer",
        "Send again",
        "Messages",
        "New chat",
        "By keyboard alone",
        "Rename “By keyboard alone”",
        "Delete “By keyboard alone”",
    ):
        assert expected in reached
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "input"
    assert page.locator(".question").count() == 1


def test_the_focus_is_always_visible(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)
    page.keyboard.press("Shift+Tab")
    for _ in range(6):
        page.keyboard.press("Shift+Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")


def test_a_screen_reader_hears_of_the_answer_once(page: Any, gateway: LiveGateway, user: str) -> None:
    page.goto(gateway.link(user))
    ready(page)
    page.evaluate(
        """() => {
            window.said = [];
            const region = document.getElementById("announcer");
            new MutationObserver(() => region.textContent && said.push(region.textContent))
                .observe(region, { childList: true });
        }"""
    )
    converse(page, "[[long 60]]")
    page.wait_for_timeout(300)

    assert page.evaluate("said") == ["Message sent.", "The answer is complete."]
    assert page.locator("#log").get_attribute("aria-live") == "off"


# Phones ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844)])
def test_a_phone_never_scrolls_sideways(
    new_page: Any, gateway: LiveGateway, user: str, width: int, height: int, screenshot: Screenshot
) -> None:
    page = new_page(width=width, height=height, has_touch=True, is_mobile=True, locale="ko-KR")
    page.goto(gateway.link(user))
    ready(page)
    converse(page, "[[md]] " + "긴단어" * 60 + " " + "x" * 300)
    screenshot(page, f"phone-{width}")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#log").evaluate("(log) => log.scrollWidth - log.clientWidth") == 0


def test_on_a_phone_the_list_slides_in_and_out(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(width=390, height=844, has_touch=True, is_mobile=True)
    page.goto(gateway.link(user))
    converse(page, "First topic")
    assert not rows(page).first.is_visible()

    page.get_by_role("button", name="Conversations").click()
    rows(page).get_by_text("First topic").wait_for()
    assert page.evaluate("document.activeElement.id") == "close-drawer"
    page.keyboard.press("Escape")

    rows(page).first.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "menu"


def test_targets_are_large_enough_for_a_finger(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(width=390, height=844, has_touch=True, is_mobile=True)
    page.goto(gateway.link(user))
    converse(page, "First topic")

    boxes = page.locator("button:visible").evaluate_all(
        "(all) => all.map((button) => [button.ariaLabel, button.offsetWidth, button.offsetHeight])"
    )
    assert [box for box in boxes if min(box[1:]) < 24] == []


def test_reduced_motion_stops_every_animation(new_page: Any, gateway: LiveGateway, user: str) -> None:
    page = new_page(reduced_motion="reduce")
    page.goto(gateway.link(user))
    ready(page)
    page.locator("#input").fill("[[slow 2]]")
    page.keyboard.press("Enter")
    page.locator(".thinking").wait_for()

    assert page.evaluate("document.getAnimations().length") == 0
    answered(page)
