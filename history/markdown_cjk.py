"""Emphasis beside Korean, Chinese and Japanese text.

CommonMark lets `**` close after punctuation only if a space or more punctuation follows. These languages put no space
there: `**파이썬(Python)**은` would show its asterisks. A CJK neighbour counts as a boundary here, as the
markdown-cjk-friendly amendment has it.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter, Scanned

CJK = re.compile("[\u1100-\u11ff\u2e80-\u303f\u3040-\u318f\u31a0-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")


def cjk_friendly(md: MarkdownIt) -> None:
    md.inline.ruler.at("emphasis", emphasis)


def emphasis(state: StateInline, silent: bool) -> bool:
    """markdown-it's own rule, but for what counts as a boundary."""
    marker = state.src[state.pos]
    if silent or marker not in "_*":
        return False
    found = scanned(state, marker)
    for _ in range(found.length):
        state.push("text", "", 0).content = marker
        token = len(state.tokens) - 1
        state.delimiters.append(Delimiter(ord(marker), found.length, token, -1, found.can_open, found.can_close))
    state.pos += found.length
    return True


def scanned(state: StateInline, marker: str) -> Scanned:
    found = state.scanDelims(state.pos, marker == "*")
    if marker != "*" or (found.can_open and found.can_close):
        return found
    before = state.src[state.pos - 1 : state.pos]
    after = state.src[state.pos + found.length : state.pos + found.length + 1]
    if not (CJK.match(before) or CJK.match(after)):
        return found
    return Scanned(bool(after.strip()), bool(before.strip()), found.length)
