"""The page of numbers in a real browser: axe-core, phone width, light and dark, and the keyboard."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from history.models import Message
from tenants.models import System
from tests.control_room import superuser

PHONE, DESK = 390, 1280
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

pytestmark = pytest.mark.django_db(transaction=True)


def talk(system: System, days: int) -> None:
    """Every day of three weeks a little more, with everything that can become of a question."""
    now = timezone.now()
    for number in range(days * 12):
        status = "failed" if number % 17 == 3 else "stopped" if number % 23 == 5 else "answered"
        Message.objects.create(
            system=system,
            created_at=now - timedelta(days=(number * number) % days, hours=number % 11),
            user_id=f"user-{number % 19}",
            query="Why?",
            status=status,
            error_code="upstream_timeout" if status == "failed" else "",
            latency_ms=700 + number * 37 % 4000 if status == "answered" else None,
            tokens=900 + number * 113 % 5000,
            price="0.0312500",
            currency="USD" if number % 5 else "KRW",
            feedback=("like", "dislike", "", "like", "", "")[number % 6],
        )


@pytest.fixture
def open_numbers(
    new_page: Callable[..., Any], live_server: LiveServer, drillquiz: System, cointutor: System
) -> Iterator[Any]:
    session = superuser().client.cookies["sessionid"].value
    System.objects.filter(pk=drillquiz.pk).update(time_zone="Asia/Seoul")
    talk(drillquiz, 23)
    talk(cointutor, 11)

    def opened(query: str = "", **options: Any) -> Any:
        page = new_page(base_url=live_server.url, **options)
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page.goto(f"/cache/numbers{query}")
        return page

    yield opened
    connection.close()


def problems(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python")
    page.evaluate(Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", TAGS)
    return [f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    open_numbers: Any, screenshot: Callable[[Any, str], None], width: int, scheme: str
) -> None:
    page = open_numbers(width=width, height=844, color_scheme=scheme)
    screenshot(page, f"numbers-{scheme}-{width}")
    assert page.locator("svg.chart").count() == 9

    assert problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_letters_in_drawings_can_be_read_on_a_phone(open_numbers: Any) -> None:
    page = open_numbers(width=PHONE, height=844)

    heights = page.evaluate(
        "[...document.querySelectorAll('.chart text')].map((t) => t.getBoundingClientRect().height)"
    )
    outside = page.evaluate(
        """[...document.querySelectorAll('.chart text')].filter((text) => {
            const one = text.getBoundingClientRect(), paper = text.closest('.drawing').getBoundingClientRect();
            return one.left < paper.left || one.right > paper.right;
        }).map((text) => text.textContent)"""
    )

    assert min(heights) >= 11
    assert outside == []


def test_a_table_opens_by_keyboard_without_script(open_numbers: Any) -> None:
    page = open_numbers(java_script_enabled=False)
    summary = page.locator("#messages summary")
    assert not page.locator("#messages table").is_visible()

    summary.focus()
    page.keyboard.press("Enter")

    assert page.locator("#messages table").is_visible()
    assert page.locator("#messages tbody tr").count() == 30


def test_another_period_has_its_address(open_numbers: Any) -> None:
    page = open_numbers()

    page.get_by_label("System", exact=True).select_option("drillquiz")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="7 days", exact=True).click()

    assert "system_id=drillquiz" in page.url
    assert page.locator("#messages tbody tr").count() == 7
    assert page.get_by_role("link", name="7 days", exact=True).get_attribute("aria-current") == "true"
    assert "system_id=drillquiz" in page.get_by_role("link", name="History", exact=True).get_attribute("href")


def test_what_is_wrong_stands_beside_its_field(open_numbers: Any) -> None:
    page = open_numbers("?from_date=2020-01-01&to_date=2026-01-01", expect="400")

    assert "Choose at most 366." in page.locator("#problem-to_date").inner_text()
    assert page.get_by_label("To", exact=True).get_attribute("aria-invalid") == "true"
    assert problems(page) == []
