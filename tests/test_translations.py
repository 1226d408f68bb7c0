"""The catalogues of chatproxy: complete in every language, and compiled from what is written."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from chatproxy import page_texts, widget_texts

LOCALE = Path(page_texts.__file__).parent / "locale"
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
MODULES = settings.BASE_DIR / "static" / "chat"
TEMPLATES = settings.BASE_DIR / "templates" / "chat"
PLACEHOLDER = re.compile(r"\{\w+\}")


def written(language: str) -> dict[str, str]:
    """msgid → msgstr of a .po file."""
    source = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    pairs = re.findall(r'^msgid ((?:".*"\s*)+)msgstr ((?:".*"\s*)+)', source, re.MULTILINE)
    return {unquoted(msgid): unquoted(msgstr) for msgid, msgstr in pairs}


def unquoted(text: str) -> str:
    return "".join(ast.literal_eval(line) for line in text.strip().splitlines())


def compiled(language: str) -> dict[str, str]:
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]


def english() -> set[str]:
    with translation.override("en"):
        return {*page_texts.page_texts().values(), *widget_texts.texts("en").values()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    catalogue = written(language)

    assert {text for text in english() if not catalogue.get(text)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_translated_that_is_not_said(language: str) -> None:
    assert set(written(language)) - english() == {""}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_up_to_date(language: str) -> None:
    assert compiled(language) == written(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_survive_translation(language: str) -> None:
    for msgid, msgstr in written(language).items():
        assert sorted(PLACEHOLDER.findall(msgid)) == sorted(PLACEHOLDER.findall(msgstr)), msgid


@pytest.mark.parametrize("language", LANGUAGES)
def test_django_finds_the_catalogue(language: str) -> None:
    with translation.override(language):
        assert page_texts.page_texts()["new_chat"] == written(language)["New chat"]


def test_the_page_asks_for_no_text_that_is_not_there() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in [*MODULES.glob("*.js"), *TEMPLATES.glob("*.html")])
    asked = set(re.findall(r'\bt\(\s*"(\w+)"', sources)) | set(re.findall(r"\btexts\.([a-z_]+)\b", sources))

    assert asked - set(page_texts.page_texts()) == set()
    assert len(asked) > 60
