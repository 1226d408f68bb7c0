"""GET /guides/<name> and /samples/<path>: the guides of docs/ as pages, and the samples they link to.

Links between them are written so that they also work in the repository.
"""

from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gateway_project.page_policy import guarded

DOCS = settings.BASE_DIR / "docs"
SAMPLES = settings.BASE_DIR / "sample"


class Guide(NamedTuple):
    name: str
    lang: str
    title: str


GUIDES = [
    Guide("drillquiz", "en", "DrillQuiz: the widget"),
    Guide("drillquiz.ko", "ko", "DrillQuiz: 위젯"),
    Guide("cointutor", "en", "CoinTutor: tokens of your own"),
    Guide("cointutor.ko", "ko", "CoinTutor: 직접 발급하는 토큰"),
    Guide("rooms", "en", "Rooms: people talking to people"),
]


@require_safe
def guide(request: HttpRequest, name: str) -> HttpResponse:
    found = next((guide for guide in GUIDES if guide.name == name), None)
    if found is None:
        raise Http404
    return guarded(render(request, "guide.html", {"guide": found, "guides": GUIDES, "body": rendered(name)}))


@require_safe
def sample(request: HttpRequest, path: str) -> HttpResponse:
    """As text, whatever it is: nothing of it is meant to run here."""
    found = {file.relative_to(SAMPLES).as_posix(): file for file in SAMPLES.rglob("*") if file.is_file()}
    if path not in found:
        raise Http404
    return guarded(HttpResponse(found[path].read_bytes(), content_type="text/plain; charset=utf-8"))


@cache
def rendered(name: str) -> SafeString:
    """Our own text, so its HTML is trusted."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse((DOCS / f"{name}.md").read_text())
    for token in tokens:
        for child in token.children or []:
            point_here(child)
            child.content = child.content.replace("[ ] ", "☐ ", 1)  # a task: CommonMark knows none
    return mark_safe(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S308


def point_here(token: Token) -> None:
    """`cointutor.md` and `../sample/…`, as the repository has them, become addresses of this site."""
    href = str(token.attrs.get("href", ""))
    if href.startswith("../sample/"):
        token.attrs["href"] = reverse("sample", args=[href.removeprefix("../sample/")])
    elif href.endswith(".md") and "/" not in href:
        token.attrs["href"] = reverse("guide", args=[href.removesuffix(".md")])
