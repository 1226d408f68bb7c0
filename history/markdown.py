"""Answers as HTML that is safe to put into the page, whatever they contain.

Three fences, each enough by itself: raw HTML is text to markdown-it, nh3 lets a short list of tags through, and the
page's Content-Security-Policy runs nothing that is not the gateway's own file.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from history.markdown_cjk import cjk_friendly
from history.markdown_links import safe_links

MAX_CHARACTERS = 100_000  # beyond it, an answer is shown as it was written: formatting would hold up everybody
TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "a", "code", "pre", "blockquote", "ul", "ol", "li", "div"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),  # else nh3 lets lang and title through
    "a": {"href"},
    "ol": {"start"},
    "pre": {"data-language"},
    "th": {"align"},
    "td": {"align"},
}
ALWAYS = {"a": {"target": "_blank"}}
REL = "noopener noreferrer nofollow"
SCHEMES = {"http", "https", "mailto", "tel"}
LANGUAGE = re.compile(r"[A-Za-z0-9+#.-]{1,20}")
LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def rendered(text: str) -> str:
    """Sanitised HTML of Markdown, finished or still arriving."""
    if len(text) > MAX_CHARACTERS:
        return f"<pre><code>{escape(text)}</code></pre>"
    return nh3.clean(
        parser().render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        set_tag_attribute_values=ALWAYS,
        tag_attribute_values={"div": {"class": {"table"}}},
        link_rel=REL,
        url_schemes=SCHEMES,
        url_relative="deny",
    )


@cache
def parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    md.use(cjk_friendly).use(safe_links)
    md.inline.ruler.before("html_inline", "line_break", line_break)
    md.core.ruler.push("page_shape", page_shape)
    md.add_render_rule("fence", code_block)
    md.add_render_rule("table_open", table_open)
    md.add_render_rule("table_close", table_close)
    return md


def line_break(state: StateInline, silent: bool) -> bool:
    """`<br>`, which models write into table cells, is the one tag that is understood."""
    found = LINE_BREAK.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def page_shape(state: StateCore) -> None:
    """Headings go below the page's own, and cells are aligned without a style attribute, which the page forbids."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
        elif token.type in ("th_open", "td_open") and "style" in token.attrs:
            token.attrs = {"align": str(token.attrs["style"]).removeprefix("text-align:")}


def code_block(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    token = tokens[idx]
    language = LANGUAGE.match(token.info.strip())
    named = f' data-language="{language[0]}"' if language else ""
    return f"<pre{named}><code>{escape(token.content)}</code></pre>\n"


def table_open(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return '<div class="table"><table>'


def table_close(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return "</table></div>\n"
