"""Addresses written out in an answer become links, and images become links too.

Only ASCII counts as part of an address: in `https://example.com/입니다` Korean ends it, as its writer meant.
"""

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

SCHEME = re.compile(r"(?<![A-Za-z0-9])https?$", re.IGNORECASE)
LONGEST_BEFORE = len("https") + 1  # how far back to look, or many colons would cost quadratic time
REST = re.compile(r"://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%\[\]]+")
SAFE = re.compile(r"(https?://|mailto:|tel:)", re.IGNORECASE)
TRAILING = ".,:;!?'*_~)]"


def safe_links(md: MarkdownIt) -> None:
    md.validateLink = safe  # type: ignore[method-assign]
    md.inline.ruler.before("linkify", "bare_address", bare_address)
    md.add_render_rule("image", image_as_link)


def safe(url: str) -> bool:
    """Absolute addresses only: a relative one would lead into the gateway itself."""
    return bool(SAFE.match(url.strip()))


def bare_address(state: StateInline, silent: bool) -> bool:
    """The text rule stops at the colon, so the scheme is what was last read."""
    if state.src[state.pos] != ":" or state.linkLevel > 0:
        return False
    scheme, rest = SCHEME.search(state.pending[-LONGEST_BEFORE:]), REST.match(state.src, state.pos, state.posMax)
    if not scheme or not rest:
        return False
    url = without_trailing(scheme[0] + rest[0])
    if url.endswith("://") or len(url) <= len(scheme[0]) + 3:
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[0])]
        push_link(state, url)
    state.pos += len(url) - len(scheme[0])
    return True


def without_trailing(url: str) -> str:
    """Punctuation after an address belongs to the sentence; a bracket only if the address did not open it."""
    while url and url[-1] in TRAILING:
        if (url[-1] == ")" and url.count("(") >= url.count(")")) or (
            url[-1] == "]" and url.count("[") >= url.count("]")
        ):
            break
        url = url[:-1]
    return url


def push_link(state: StateInline, url: str) -> None:
    state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(url)}
    state.push("text", "", 0).content = url
    state.push("link_close", "a", -1)


def image_as_link(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    """An image that loads by itself tells its server who reads this, and when. A link asks first."""
    token = tokens[idx]
    words = self.renderInlineAsText(token.children, options, env) or str(token.attrGet("src"))
    shown = Token("link", "a", 0, attrs={"href": str(token.attrGet("src"))})
    return f"<a{self.renderAttrs(shown)}>{escaped(words)}</a>"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
