"""`manage.py gen_env`: fresh values for .env."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from tests.processes import ROOT, environment, manage

# What is not for .env: where .env is.
ELSEWHERE = {"ENV_FILE"}


@pytest.fixture(scope="module")
def printed() -> str:
    """Made on a machine that has no settings at all."""
    result = manage("gen_env")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_it_prints_secrets_that_pass_the_checks(printed: str, tmp_path: Path) -> None:
    env_file = tmp_path / "fresh.env"
    env_file.write_text(printed)
    result = manage(
        "check", "--deploy", "--fail-level", "WARNING", ENV_FILE=str(env_file), PUBLIC_URL="https://a.example"
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_the_secrets_are_fresh_each_time(printed: str) -> None:
    first, second = values(printed), values(manage("gen_env").stdout)
    assert (
        first.keys()
        == second.keys()
        == {
            "SECRET_KEY",
            "ENCRYPTION_KEYS",
            "CHAT_GATEWAY_JWT_SECRET",
            "POSTGRES_PASSWORD",
        }
    )
    assert not set(first.values()) & set(second.values())
    Fernet(first["ENCRYPTION_KEYS"] or "")


def test_it_names_every_variable_the_gateway_reads(printed: str) -> None:
    code = "".join((ROOT / path).read_text() for path in ("gateway_project/settings.py", "gunicorn.conf.py"))
    read = set(re.findall(r"(?:env\.\w+|environ\.get|whole_number)\(\s*[\"']([A-Z0-9_]+)[\"']", code))
    assert {"SECRET_KEY", "PORT", "WEB_CONCURRENCY", "ACCESS_LOG"} <= read
    assert read - ELSEWHERE <= names(printed)


def test_what_it_shows_as_defaults_are_the_defaults(printed: str, tmp_path: Path) -> None:
    """Taking away every # but those of examples changes no setting."""
    lines = re.findall(r"^#?([A-Z_]+=(?:\d+|on|off|UTC|INFO))$", printed, re.MULTILINE)
    assert len(lines) > 10
    env_file = tmp_path / "defaults.env"
    env_file.write_text("\n".join(line for line in lines if not line.startswith(("PORT", "WEB_"))))
    fixed = {"SECRET_KEY": "x" * 50, "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    assert all_settings(**fixed) == all_settings(**fixed, ENV_FILE=str(env_file))


def all_settings(**environment: str) -> str:
    printed = manage("diffsettings", **environment).stdout
    return re.sub(r"\.0\b| at 0x[0-9a-f]+", "", printed)  # 60.0 is 60; where a function lies is no setting


def values(text: str) -> dict[str, str | None]:
    return dotenv_values(stream=io.StringIO(text))


def names(text: str) -> set[str]:
    return set(re.findall(r"^#?([A-Z0-9_]+)=", text, re.MULTILINE))


def test_who_reads_only_its_beginning_hears_of_no_error() -> None:
    """As `manage.py gen_env | head -1` does; so it is with every command."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        command = [sys.executable, str(ROOT / "manage.py"), "gen_env"]
        result = subprocess.run(command, env=environment(), stdout=nobody, stderr=subprocess.PIPE, check=False)

    assert (result.returncode, result.stderr) == (1, b"")
