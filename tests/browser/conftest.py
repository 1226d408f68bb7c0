"""A real browser in front of the running gateway. Skipped where there is no Chromium or no playwright."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dify.standin.server import StandIn, running_standin
from dify.standin.tempo import Tempo
from tests.browser.live import LiveGateway, running_gateway
from tests.browser.site import running_site

CHROMIUM = "/usr/bin/chromium"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OUTPUT = Path(__file__).resolve().parents[2] / "test-output"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"There is no {CHROMIUM} here.")
    sync_api = pytest.importorskip("playwright.sync_api")
    # Playwright's loop would make Django believe that the tests themselves are asynchronous.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def live_dify(chromium: Any) -> Iterator[StandIn]:
    with running_standin(tempo=Tempo(delay=0.1, pace=0.01, linger=0, title=0)) as standin:
        yield standin


@pytest.fixture(scope="session")
def site(chromium: Any) -> Iterator[str]:
    """The origin of an allowed site, which embeds or links to the chat."""
    with running_site() as origin:
        yield origin


@pytest.fixture(scope="session")
def other_site(chromium: Any) -> Iterator[str]:
    """The origin of a site that is not allowed."""
    with running_site() as origin:
        yield origin


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, live_dify: StandIn, site: str) -> Iterator[LiveGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), live_dify.url, [site]) as live:
        yield live


@pytest.fixture
def new_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages in browsers of their own; a test fails if one of them logs an error that it does not expect."""
    contexts = []
    problems: list[str] = []

    def open_page(width: int = 1280, height: int = 800, expect: str = r"$^", **options: Any) -> Any:
        options = {"locale": "en", "viewport": {"width": width, "height": height}, **options}
        context = chromium.new_context(**options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: note(said, expect))
        return page

    def note(said: Any, expect: str) -> None:
        if said.type == "error" and not re.search(expect, said.text):
            problems.append(said.text)

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(new_page: Callable[..., Any]) -> Any:
    return new_page()


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A user of the test's own, who has no conversations yet."""
    return re.sub(r"\W+", "-", request.node.name)[:100]


@pytest.fixture
def screenshot() -> Callable[[Any, str], None]:
    OUTPUT.mkdir(exist_ok=True)

    def take(page: Any, name: str) -> None:
        page.wait_for_timeout(250)  # what moves comes to rest
        page.screenshot(path=OUTPUT / f"{name}.png")

    return take
