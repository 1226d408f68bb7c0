"""What README.md and docs/ say is so: settings, commands, calls, links, error codes, and what is not there yet."""

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any, TypeVar
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.core.management import get_commands, load_command_class
from django.test import Client
from django.urls import reverse
from markdown_it import MarkdownIt
from pytest_django.live_server_helper import LiveServer
from rest_framework.exceptions import APIException

from dify import errors as dify_errors
from dify.errors import DifyError
from dify.standin import trouble
from tenants import errors as tenants_errors
from tenants import tokens
from tenants.models import System
from tests.browsers import secret_key
from tests.gateway import events_of
from tests.guides import GATEWAY, ROOT, block, blocks, run_bash
from tests.processes import manage

Kind = TypeVar("Kind")
READMES = ["README.md", "README.ko.md"]
PAGES = [*READMES, *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
BASH = [each for each in blocks("README.md") if each.language == "bash"]
CALLS = [each for each in BASH if "curl" in each.text]
ROOMS = ("gateway_project", "chatproxy", "rooms", "history", "tenants", "dify")


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def table(page: str, heading: int) -> list[list[str]]:
    """The cells of a table's rows: of the error codes (0) or of the settings (1)."""
    first = {"README.md": ("Status", "Variable"), "README.ko.md": ("상태", "변수")}[page][heading]
    lines = text_of(page).split(f"| {first} |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# Two languages -------------------------------------------------------------------------------------------------


def test_both_languages_show_the_same_blocks() -> None:
    english, korean = ([(block.kind, block.text) for block in blocks(page)] for page in READMES)
    assert english == korean
    assert len({kind for kind, _ in english}) == len(english) > 10


def test_both_languages_have_the_same_structure() -> None:
    english, korean = ([token.type for token in MarkdownIt().parse(text_of(page))] for page in READMES)
    assert english == korean


@pytest.mark.parametrize("heading", [0, 1])
def test_both_languages_have_the_same_rows(heading: int) -> None:
    english, korean = ([row[0] for row in table(page, heading)] for page in READMES)
    assert english == korean


# Settings ------------------------------------------------------------------------------------------------------


def python_sources() -> Iterator[str]:
    yield text_of("gunicorn.conf.py")
    for room in ROOMS:
        yield from (path.read_text() for path in (ROOT / room).rglob("*.py") if path.name != "env.py")


def variables_read() -> set[str]:
    python = r"\b(?:env\.\w+|os\.environ\.get|whole_number)\(\s*[\"']([A-Z0-9_]+)[\"']"
    shell = r"\$\{([A-Z][A-Z0-9_]+)(?::[-?]|\})"
    found = {name for source in python_sources() for name in re.findall(python, source)}
    return found | {name for file in ("local.sh", "docker-compose.yml") for name in re.findall(shell, text_of(file))}


@pytest.mark.parametrize("page", READMES)
def test_the_table_names_exactly_the_variables_that_are_read(page: str) -> None:
    assert {"SECRET_KEY", "PORT", "ACCESS_LOG", "STANDIN_PORT", "POSTGRES_PASSWORD"} <= variables_read()
    named = [row[0].strip("`") for row in table(page, 1)]
    assert sorted(named) == sorted(variables_read())


@pytest.mark.parametrize("page", READMES)
def test_the_defaults_of_the_table_are_those_of_gen_env(page: str) -> None:
    """That gen_env shows the true ones is tested with it."""
    shown = dict(re.findall(r"^#([A-Z_]+)=(\d+|on|off|UTC|INFO|0\.0\.0\.0)$", manage("gen_env").stdout, re.MULTILINE))
    of_machine = shown.pop("WEB_CONCURRENCY")
    assert of_machine.isdecimal()
    assert len(shown) > 15
    defaults = {row[0].strip("`"): row[1].strip("`") for row in table(page, 1)}
    assert {name: defaults[name] for name in shown} == shown
    assert f"{{STANDIN_PORT:-{defaults['STANDIN_PORT']}}}" in text_of("local.sh")
    assert f"{{PYTHON:-{defaults['PYTHON']}}}" in text_of("local.sh")


# Commands ------------------------------------------------------------------------------------------------------


def test_every_management_command_exists() -> None:
    named = {name for page in PAGES for name in re.findall(r"manage\.py ([a-z_]+)", text_of(page))}
    assert {"gen_env", "gen_jwt", "import_env", "rotate_secrets", "dify_standin", "sync_dify"} <= named
    assert named <= set(get_commands())


def test_every_management_command_takes_what_it_is_given() -> None:
    calls = [call for each in BASH for call in re.findall(r"manage\.py ([a-z_]+)([^\n>)]*)", each.text)]
    assert ("gen_jwt", " drillquiz alice --lang ko --expires 1h") in calls
    for name, arguments in calls:
        app = get_commands()[name]
        command = load_command_class(app, name) if isinstance(app, str) else app
        command.create_parser("manage.py", name).parse_args(shlex.split(arguments))


@pytest.mark.parametrize("page", READMES)
def test_every_subcommand_of_local_sh_is_in_its_help(page: str) -> None:
    help_text = subprocess.run(["./local.sh", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    used = set(re.findall(r"\./local\.sh ([a-z]+)", text_of(page)))
    assert {"test", "bench", "help"} <= used <= set(re.findall(r"^\./local\.sh ([a-z]+)", help_text, re.MULTILINE))


def test_the_files_of_the_commands_exist() -> None:
    files = {word for block in BASH for word in re.findall(r"(?:\.ci|tests)/[\w./]+|requirements\S*\.txt", block.text)}
    assert files == {".ci/run", "tests/test_readme.py", "requirements.txt"}
    for file in files:
        assert (ROOT / file).is_file()


def test_the_containers_are_started_as_their_files_say() -> None:
    commands = re.sub(r"^#\s+", "", text_of("docker-compose.yml"), flags=re.MULTILINE)
    for line in block("README.md", "bash compose").text.splitlines():
        assert line in commands


def test_a_host_is_set_up_as_an_image_is() -> None:
    host = block("README.md", "bash host").text
    assert "gunicorn gateway_project.wsgi" in host
    assert "--require-hashes -r requirements.txt" in host
    assert "collectstatic --no-input" in host


# Calls ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def called(live_server: LiveServer, drillquiz: System) -> Any:
    """Runs a block as a reader would, at this gateway and with a key of this system."""
    env = {"CHAT_SECRET_KEY": secret_key(drillquiz), "TOKEN": tokens.issue(drillquiz, "alice")[0]}

    def run(kind: str) -> str:
        return run_bash(block("README.md", kind).text.replace(GATEWAY, live_server.url), env)

    return run


def test_every_call_of_the_readme_is_tried_here() -> None:
    assert [call.kind for call in CALLS] == ["bash blocking", "bash streaming", "bash token", "bash bearer"]


def test_the_blocking_call_answers_in_the_shape_that_is_shown(called: Any) -> None:
    answer = json.loads(called("bash blocking"))
    shown = json.loads(block("README.md", "json blocking").text)
    assert {name: type(value) for name, value in answer.items()} == {name: type(value) for name, value in shown.items()}
    assert answer["answer"]
    assert set(shown["metadata"]["usage"]) <= set(answer["metadata"]["usage"])


def test_the_streaming_call_ends_with_one_message_end(called: Any) -> None:
    names = [event["event"] for event in events_of(called("bash streaming").encode())]
    assert names[-1] == "message_end"
    assert names.count("message_end") == 1
    assert "message" in names


def test_the_token_call_gets_a_token_for_alice(called: Any, drillquiz: System) -> None:
    caller = tokens.verified(json.loads(called("bash token"))["token"])
    assert (caller.system.system_id, caller.user_id) == (drillquiz.system_id, "alice")


def test_the_bearer_call_lists_the_conversations_of_alice(called: Any) -> None:
    begun = json.loads(called("bash blocking"))["conversation_id"]
    assert [row["id"] for row in json.loads(called("bash bearer"))] == [begun]


def test_the_widget_is_the_one_of_the_guide() -> None:
    assert block("README.md", "html widget").text == block("docs/drillquiz.md", "html anonymous").text


def shown_codes(page: str) -> set[tuple[int, str]]:
    return {(int(row[0]), code) for row in table(page, 0) for code in re.findall(r"`(\w+)`", row[1])}


def classes(module: Any, base: type[Kind]) -> list[type[Kind]]:
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, base)]
    return [each for each in found if each.__module__ == module.__name__]


def test_the_table_has_exactly_the_codes_that_there_are() -> None:
    codes = {(each.status_code, str(each.default_code)) for each in classes(tenants_errors, APIException)}
    codes |= {(each.http_status, each.word) for each in classes(dify_errors, DifyError)}
    assert {(503, "not_configured"), (504, "upstream_timeout")} <= codes
    of_the_framework = {
        (400, "invalid"),
        (403, "permission_denied"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (500, "server_error"),
    }
    assert shown_codes("README.md") == shown_codes("README.ko.md") == codes | of_the_framework


# What else is said ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    tokens_inside = [child for token in MarkdownIt().parse(text_of(page)) for child in token.children or []]
    links = {str(child.attrs.get("href") or child.attrs.get("src") or "") for child in tokens_inside} - {""}
    for link in links:
        if not link.startswith(("https://", "http://")):
            assert (ROOT / page).parent.joinpath(link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_no_mark_of_emphasis_is_left_over(page: str) -> None:
    """Between a letter and punctuation, as often in Korean, Markdown takes ** for text."""
    inside = [child for token in MarkdownIt().parse(text_of(page)) for child in token.children or []]
    assert [child.content for child in inside if child.type == "text" and "**" in child.content] == []


@pytest.mark.parametrize("name", ["flow.svg", "flow.ko.svg"])
def test_the_picture_says_in_words_what_it_shows_and_is_fit_for_the_dark(name: str) -> None:
    svg = ElementTree.parse(ROOT / "docs" / name).getroot()  # noqa: S314, our own file
    ns = "{http://www.w3.org/2000/svg}"
    assert svg.findtext(f"{ns}title")
    assert svg.findtext(f"{ns}desc")
    assert "prefers-color-scheme: dark" in (svg.findtext(f"{ns}style") or "")


@pytest.mark.parametrize("page", READMES)
def test_the_words_of_trouble_are_words_of_the_stand_in(page: str) -> None:
    documented = re.findall(r"^\| ([^|]+) \|", trouble.__doc__ or "", re.MULTILINE)
    words = {word for cell in documented for word in re.findall(r"[a-z]+|\d{3}", cell)}
    used = re.findall(r"\[\[(\w+)", text_of(page))
    assert used
    assert set(used) <= words


def test_the_admin_has_what_the_steps_name(drillquiz: System) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("operator"))
    steps = text_of("README.md").split("## Onboard a system")[1].split("\n## ")[0]
    named = [label for bold in re.findall(r"\*\*(.+?)\*\*", steps) for label in bold.rstrip(".").split(" → ")]
    assert len(named) >= 8
    pages = [reverse("admin:tenants_system_changelist"), reverse("admin:tenants_system_change", args=["drillquiz"])]
    seen = "".join(browser.get(page).content.decode() for page in pages).lower()
    assert [label for label in named if label.lower() not in seen] == []


@pytest.mark.parametrize("page", READMES)
def test_the_order_of_imports_is_the_one_that_is_held(page: str) -> None:
    layers = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    assert f"`{' → '.join(layers).replace(' | ', ', ')}`" in text_of(page)
    for room in " | ".join(layers).split(" | "):
        assert f"| `{room}/` |" in text_of(page)


def test_probes_answer_by_the_names_that_are_said(settings: Any, db: None) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "gateway.example.com"]
    for path in ("/healthz", "/readyz"):
        statuses = [
            Client().get(path, headers={"host": host}).status_code for host in (*settings.ALLOWED_HOSTS, "10.0.0.1")
        ]
        assert statuses == [200, 200, 400]


@pytest.mark.parametrize("path", ["/metrics"])
def test_what_is_said_to_be_missing_is_missing(path: str) -> None:
    """Whoever adds it takes it out of “What is not there yet”."""
    assert all(f"`{path}`" in text_of(page).split("\n## ")[-1] for page in READMES)
    assert Client().get(path).status_code == 404


def test_redis_is_used_by_what_the_table_says() -> None:
    (meaning,) = [row[2] for row in table("README.md", 1) if row[0] == "`REDIS_URL`"]
    users = {room for room in ROOMS for path in (ROOT / room).rglob("*.py") if "settings.REDIS_URL" in path.read_text()}
    assert users - {"gateway_project"} == {"rooms"} <= set(re.findall(r"\w+", meaning))


# The other pages -----------------------------------------------------------------------------------------------


def required(file: str) -> set[str]:
    lines = [line.partition("#")[0].strip() for line in text_of(file).splitlines()]
    return {re.split(r"[\[~=<>]", line)[0] for line in lines if line and not line.startswith("-")}


@pytest.mark.parametrize("file", ["requirements.in", "requirements-dev.in"])
def test_every_library_has_its_reason(file: str) -> None:
    section = text_of("docs/decisions.md").split(f"`{file}`")[1].split("\n##")[0]
    reasons = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", section, re.MULTILINE))
    assert reasons.keys() == required(file)


def test_the_recordings_that_are_named_exist() -> None:
    named = set(re.findall(r"\b[a-h]\d\d_[\w-]+", text_of("docs/dify.md")))
    assert len(named) > 30
    folders = [ROOT / "tests" / "fixtures" / "dify" / version for version in ("0.15.3", "1.13.2")]
    for name in named:
        assert all((folder / f"{name}.json").is_file() for folder in folders), name


def test_the_files_that_are_named_exist() -> None:
    folders = "|".join([*ROOMS, "tests", "static", "bench", "templates"])
    for page in ("docs/decisions.md", "docs/threats.md", "docs/dify.md"):
        named = re.findall(rf"`((?:{folders})/[\w./-]+)`", text_of(page))
        assert named or page == "docs/dify.md"
        assert [name for name in named if not (ROOT / name).exists()] == []


def test_no_page_has_a_block_without_a_language() -> None:
    assert [each for page in READMES for each in blocks(page) if not each.language] == []
