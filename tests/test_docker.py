"""Dockerfile and docker-compose.yml, read as text: no engine runs where these tests run."""

import re
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from tests.processes import ROOT, manage

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
OURS = ["migrate", "gateway", "rooms", "cron"]


def test_the_image_is_made_with_the_commands_that_ci_runs() -> None:
    local_sh = (ROOT / "local.sh").read_text()
    assert "pip install -qq --require-hashes -r requirements.txt" in DOCKERFILE
    assert "pip install -qq --disable-pip-version-check --require-hashes -r" in local_sh
    assert "python manage.py collectstatic --no-input --verbosity 0" in DOCKERFILE
    assert "manage collectstatic --no-input --verbosity 0" in local_sh
    assert 'CMD ["gunicorn", "gateway_project.wsgi"]' in DOCKERFILE
    assert "gunicorn gateway_project.wsgi" in local_sh


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    instructions = re.findall(r"^([A-Z]+) (.*)", DOCKERFILE, re.MULTILINE)
    users = [value for name, value in instructions if name == "USER"]
    assert users == ["10001"]
    assert [name for name, _ in instructions][-4:] == ["USER", "EXPOSE", "HEALTHCHECK", "CMD"]


def test_neither_secrets_nor_data_get_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert {".*", "*.sqlite3*", "archive", "media", "tests"} <= set(ignored)
    assert not [name for name in ignored if name.startswith("!")]
    assert not re.search(r"SECRET|PASSWORD|ENCRYPTION", DOCKERFILE)


def test_compose_has_what_production_needs() -> None:
    assert set(SERVICES) == {"postgres", "redis", *OURS}


@pytest.mark.parametrize("name", ["postgres", "redis", "gateway", "rooms", "cron"])
def test_every_lasting_service_is_checked_and_comes_back(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    # The gateway's check is its image's.
    assert name == "gateway" or SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_has_no_rights_to_lose(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_the_order_is_database_then_migration_then_the_rest() -> None:
    assert SERVICES["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    for name in ("gateway", "rooms", "cron"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_the_commands_exist() -> None:
    called = set(re.findall(r"manage\.py[ ,]+([a-z_]+)", COMPOSE))
    used = {"migrate", "serve_rooms", "sync_dify", "archive_history", "prune_history", "gen_env", "createsuperuser"}
    assert used <= called
    assert called <= set(get_commands())


def test_secrets_come_from_the_environment_or_compose_stops() -> None:
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "POSTGRES_PASSWORD"):
        assert re.search(rf"\$\{{{name}:\?", COMPOSE)
        assert not re.search(rf"\$\{{{name}[^:]", COMPOSE)
    assert SERVICES["gateway"]["environment"]["SECRET_KEY"].startswith("${SECRET_KEY:?")


def test_every_setting_can_be_given_to_compose() -> None:
    known = set(re.findall(r"^#?([A-Z0-9_]+)=", manage("gen_env").stdout, re.MULTILINE))
    passed = set(SERVICES["gateway"]["environment"]) | {"POSTGRES_PASSWORD"}
    assert set(re.findall(r"\$\{([A-Z0-9_]+)", COMPOSE)) <= known
    assert passed <= known
    assert known - passed == {"HOST", "PORT", "ROOMS_PORT", "ARCHIVE_DIR"}  # inside, these are the image's


def test_the_archive_outlives_its_containers_and_is_the_gateways_own() -> None:
    """Read-only containers with no rights: the image makes the folder, and the volume takes its owner from there."""
    assert "mkdir media archive && chown gateway:gateway media archive" in DOCKERFILE
    for name in ("gateway", "cron"):  # the admin erases there, too
        assert "archive:/srv/gateway/archive" in SERVICES[name]["volumes"]
    assert "archive" in yaml.safe_load(COMPOSE)["volumes"]


def test_cron_archives_whatever_became_of_the_sync() -> None:
    script = SERVICES["cron"]["command"][-1]
    assert script.index("sync_dify") < script.index("archive_history")
    assert re.search(r"; python manage\.py archive_history\b", script)
