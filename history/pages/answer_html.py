"""An answer as the chat page draws it, code framed and tables ready to scroll, and the words that were looked for.

The chat page's script does the framing there; here it is done on the server, so that the page needs no script.
"""

import re
from html import escape, unescape

from django.utils.safestring import SafeString, mark_safe

from history.markdown import rendered

# Of what history.markdown lets through, which has no other shapes of them.
CODE = re.compile(r'<pre(?: data-language="([^"]*)")?><code>(.*?)</code></pre>', re.DOTALL)
TABLE = '<div class="table">'
SCROLLS = 'tabindex="0" role="region" aria-label="{}"'
TAG = re.compile(r"(<[^>]*>)")


def answer_html(text: str, words: list[str]) -> SafeString:
    html = CODE.sub(framed, rendered(text)).replace(TABLE, f'<div class="table" {SCROLLS.format("Table")}>')
    return mark_safe(marked(html, words))  # noqa: S308, sanitised by history.markdown


def framed(found: re.Match[str]) -> str:
    language = f"<figcaption><span>{found[1]}</span></figcaption>" if found[1] else ""
    return f'<figure class="code">{language}<pre {SCROLLS.format("Code")}><code>{found[2]}</code></pre></figure>'


def text_html(text: str, words: list[str]) -> SafeString:
    """Text as it was written."""
    return mark_safe(marked(escape(text), words))  # noqa: S308, escaped


def marked(html: str, words: list[str]) -> str:
    """With <mark> around the words, wherever they stand in the text and not in a tag."""
    if not words:
        return html
    wanted = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)
    return "".join(piece if TAG.fullmatch(piece) else marked_text(piece, wanted) for piece in TAG.split(html))


def marked_text(piece: str, wanted: re.Pattern[str]) -> str:
    text, made, end = unescape(piece), [], 0
    for found in wanted.finditer(text):
        made += [escape(text[end : found.start()]), f"<mark>{escape(found[0])}</mark>"]
        end = found.end()
    return "".join([*made, escape(text[end:])])
