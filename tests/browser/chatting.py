"""What a person does on the chat page, and what they see. `page` may be a frame of another page."""

from typing import Any


def ask(page: Any, text: str) -> None:
    page.locator("#input").fill(text)
    page.locator("#input").press("Enter")


def answered(page: Any, text: str = "") -> Any:
    """The newest answer, once it is complete."""
    newest = page.locator(".answer").last
    newest.locator(".actions:not([hidden])").wait_for()
    if text:
        newest.get_by_text(text).first.wait_for()
    return newest


def converse(page: Any, text: str) -> Any:
    before = page.locator(".answer").count()
    ask(page, text)
    page.locator(".answer").nth(before).wait_for()
    return answered(page)


def ready(page: Any) -> None:
    page.locator("#greeting p").first.wait_for()


def rows(page: Any) -> Any:
    return page.locator("#conversations li[data-id]")


def banner(page: Any) -> Any:
    return page.locator("#banner:not([hidden])")
