"""The intro page at /, and the guides and samples that it leads to."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from gateway_project.guides import GUIDES
from tests.guides import ROOT


def get(path: str) -> Any:
    return Client().get(path)


def links(html: str) -> set[str]:
    return set(re.findall(r'href="([^"]+)"', html))


@pytest.fixture
def intro() -> str:
    answer = get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_leads_to_the_api_the_admin_and_the_guides(intro: str) -> None:
    assert {"/docs", "/schema", "/admin/"} <= links(intro)
    assert {f"/guides/{guide.name}" for guide in GUIDES} <= links(intro)


def test_it_leads_to_the_cache_where_there_is_one(intro: str) -> None:
    found = get("/cache").status_code != 404

    assert ("/cache" in links(intro)) == found


@pytest.mark.parametrize("words", ["Dify", "documents", "ledger", "data-system-id", "widget.js", "allowed|origins"])
def test_it_tells_what_it_is(intro: str, words: str) -> None:
    assert re.search(words, intro)


def test_it_tells_how_to_register_in_four_steps(intro: str) -> None:
    [steps] = re.findall(r'<ol class="steps">(.*?)</ol>', intro, re.DOTALL)

    assert steps.count("<li>") == 4


def test_the_drawing_says_in_words_what_it_shows(intro: str) -> None:
    [drawing] = re.findall(r"<svg.*?</svg>", intro, re.DOTALL)
    names = re.search(r'role="img" aria-labelledby="([^"]+)"', drawing)

    assert names
    for name in names[1].split():
        assert f'id="{name}">' in drawing


@override_settings(PUBLIC_URL="https://gateway.example.com")
def test_the_tag_has_this_gateways_address() -> None:
    assert "https://gateway.example.com/widget.js" in get("/").content.decode()


PAGES = ["/", *[f"/guides/{guide.name}" for guide in GUIDES], "/samples/vue/ChatGateway.vue"]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_runs_a_script_or_may_be_framed(path: str) -> None:
    answer = get(path)

    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    if answer.headers["Content-Type"].startswith("text/html"):
        html = answer.content.decode()
        assert "<script" not in html
        assert " style=" not in html
        assert not re.search(r"\son\w+=", html)


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_this_site_leads_somewhere(path: str, db: None) -> None:
    for link in links(get(path).content.decode()):
        if link.startswith("/") and not link.startswith("/static/"):
            assert get(link.partition("#")[0]).status_code in (200, 302), link


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_a_guide_is_a_page_in_its_language(guide: Any) -> None:
    html = get(f"/guides/{guide.name}").content.decode()

    assert f'<html lang="{guide.lang}">' in html
    assert html.count("<h1>") == 1
    assert "<table>" in html
    assert "☐" in html
    assert "[ ]" not in html


@pytest.mark.parametrize("path", ["/guides/nothing", "/guides/threats", "/guides/..%2fREADME", "/guides/drillquiz.md"])
def test_only_the_guides_are_shown(path: str) -> None:
    assert get(path).status_code == 404


@pytest.mark.parametrize("path", ["../manage.py", "..%2fmanage.py", "vue", "nothing", "/etc/passwd", ".env"])
def test_only_the_samples_are_shown(path: str) -> None:
    assert get(f"/samples/{path}").status_code == 404


def test_a_sample_is_shown_as_text() -> None:
    answer = get("/samples/vue/ChatGateway.vue")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content == (ROOT / "sample" / "vue" / "ChatGateway.vue").read_bytes()


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_words_stand_out_in_light_and_dark() -> None:
    css = Path(ROOT / "static" / "intro" / "intro.css").read_text()
    for scheme in re.findall(r":root \{(.*?)\}", css, re.DOTALL):
        color = {name: luminance(value) for name, value in re.findall(r"--([a-z-]+): #([0-9a-f]{6})", scheme)}
        grounds = ["page", "surface", "tint", "code"]
        pairs = [(ink, ground) for ink in ("text", "soft", "accent") for ground in grounds] + [("on-accent", "accent")]
        for ink, ground in pairs:
            low, high = sorted((color[ink], color[ground]))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)
