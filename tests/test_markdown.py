"""POST /chat/render: Markdown as HTML that is safe in the chat page."""

import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from dify.standin.answers import HOSTILE, MARKDOWN
from tenants import tokens
from tenants.models import System
from tests.hostile import HOSTILE_MARKDOWN

ALLOWED_TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "a", "code", "pre", "blockquote", "ul", "ol", "li", "div"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
ALLOWED_ATTRIBUTES = {"href", "rel", "target", "class", "align", "start", "data-language"}


def post(system: System, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {tokens.issue(system, 'alice')[0]}"}
    return Client(raise_request_exception=False).post(
        "/chat/render", body, content_type="application/json", headers=headers
    )


def html_of(system: System, text: str) -> str:
    response = post(system, {"texts": [text]})
    assert response.status_code == 200
    return response.json()["html"][0]


class Inspector(HTMLParser):
    """Notes every tag and attribute as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", [*HOSTILE_MARKDOWN, HOSTILE])
def test_nothing_hostile_survives(drillquiz: System, text: str) -> None:
    for tag, attributes in Inspector(html_of(drillquiz, text)).found:
        assert tag in ALLOWED_TAGS
        assert set(attributes) <= ALLOWED_ATTRIBUTES
        if tag == "a" and "href" in attributes:
            assert re.match(r"(https?://|mailto:|tel:)", str(attributes["href"]), re.IGNORECASE)


def test_markdown_is_formatted(drillquiz: System) -> None:
    html = html_of(drillquiz, MARKDOWN)

    for expected in (
        "<strong>bold</strong>",
        "<em>italic</em>",
        "<s>struck</s>",
        "<code>code</code>",
        "<ul>",
        "<ol>",
        "<blockquote>",
        '<th align="right">right</th>',
        '<pre data-language="python">',
        "<hr>",
    ):
        assert expected in html


def test_links_open_elsewhere_and_tell_nobody(drillquiz: System) -> None:
    html = html_of(drillquiz, "[here](https://example.com/?a=1&b=2)")

    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert 'href="https://example.com/?a=1&amp;b=2"' in html


@pytest.mark.parametrize(
    ("text", "address", "rest"),
    [
        ("See https://example.com/a.", "https://example.com/a", "."),
        ("https://example.com/입니다", "https://example.com/", "입니다"),
        ("(https://example.com/b)", "https://example.com/b", ")"),
        ("https://example.com/c_(d) ok", "https://example.com/c_(d)", " ok"),
        ("**https://example.com**", "https://example.com", "</strong>"),
    ],
)
def test_a_bare_address_is_a_link(drillquiz: System, text: str, address: str, rest: str) -> None:
    assert f">{address}</a>{rest}" in html_of(drillquiz, text)


@pytest.mark.parametrize("text", ["`https://example.com`", "xhttps://example.com", "https://", "javascript://x"])
def test_what_is_no_address_is_no_link(drillquiz: System, text: str) -> None:
    assert "<a" not in html_of(drillquiz, text)


def test_an_image_is_a_link_and_is_not_loaded(drillquiz: System) -> None:
    html = html_of(drillquiz, "![a cat](https://example.com/cat.png)")

    assert "<img" not in html
    assert ">a cat</a>" in html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**파이썬(Python)**은 언어", "<strong>파이썬(Python)</strong>은"),
        ("이것은 **“따옴표”**입니다", "<strong>“따옴표”</strong>입니다"),
        ("これは**「強調」**です", "<strong>「強調」</strong>です"),
        ("这是**“强调”**吗", "<strong>“强调”</strong>吗"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("한글 * 한글 * 한글", "한글 * 한글 * 한글"),
        ("snake_case_name", "snake_case_name"),
    ],
)
def test_emphasis_works_beside_korean_chinese_and_japanese(drillquiz: System, text: str, expected: str) -> None:
    assert expected in html_of(drillquiz, text)


def test_br_breaks_the_line_in_a_table(drillquiz: System) -> None:
    assert "<td>x<br>" in html_of(drillquiz, "|a|\n|-|\n|x<br>y|").replace("\n", "")


def test_an_answer_that_is_still_arriving_is_formatted_as_far_as_it_goes(drillquiz: System) -> None:
    html = html_of(drillquiz, "Text\n\n```python\nprint(1)")

    assert html.replace("\n", "") == '<p>Text</p><pre data-language="python"><code>print(1)</code></pre>'


def test_many_are_rendered_at_once_in_order(drillquiz: System) -> None:
    assert post(drillquiz, {"texts": ["one", "", "*two*"]}).json() == {
        "html": ["<p>one</p>\n", "", "<p><em>two</em></p>\n"]
    }


@pytest.mark.parametrize(
    "text",
    ["http:" * 20_000, "*a " * 30_000, "[" * 50_000, "**a_b" * 20_000, "> " * 40_000, "|a" * 500 + "\n" + "|-" * 500],
    ids=["colons", "stars", "brackets", "mixed", "quotes", "table"],
)
def test_no_text_takes_long(drillquiz: System, text: str) -> None:
    begun = time.monotonic()
    html_of(drillquiz, text)
    assert time.monotonic() - begun < 3


def test_a_very_long_answer_is_shown_as_it_was_written(drillquiz: System) -> None:
    assert html_of(drillquiz, "<b>*x*" * 20_000).startswith("<pre><code>&lt;b&gt;*x*")


@pytest.mark.parametrize("body", [{}, [], {"texts": "x"}, {"texts": [1]}, {"texts": ["x"] * 201}, "{"])
def test_a_bad_body_is_a_clear_error(drillquiz: System, body: Any) -> None:
    response = post(drillquiz, body)

    assert response.status_code == 400
    assert response.json()["code"] == "invalid"


def test_a_body_that_is_too_large_is_refused(drillquiz: System, settings: Any) -> None:
    settings.DIFY_MAX_ANSWER_BYTES = 1024

    assert post(drillquiz, {"texts": ["x" * 3000]}).status_code == 413


def test_it_needs_a_token(drillquiz: System) -> None:
    response = Client().post("/chat/render", {"texts": []}, content_type="application/json")

    assert response.status_code == 401


def test_it_is_no_part_of_the_public_contract() -> None:
    assert "/chat/render" not in Client().get("/schema").content.decode()
