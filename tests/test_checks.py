"""System checks: every bad setting is named, with an id and a hint, and no value brings a traceback."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from tests.processes import PRODUCTION, manage

UNREADABLE = {
    "DEBUG": "perhaps",
    "PORT": "70000",
    "PUBLIC_URL": "http://[::1",
    "DATABASE_URL": "mysql://root:hunter2@localhost/gateway",
    "DATABASE_POOL_SIZE": "ten",
    "TIME_ZONE": "Mars/Olympus",
    "LOG_LEVEL": "loud",
    "DIFY_TOTAL_TIMEOUT": "inf",
    "DIFY_IDLE_TIMEOUT": "-1",
    "DIFY_POOL_SIZE": "1.5",
    "CHAT_MAX_BODY_BYTES": "1e300",
    "TRUSTED_PROXIES": "10.0.0.1, proxy.internal",
}
S3_KEYS = {"ARCHIVE_S3_ACCESS_KEY": "key", "ARCHIVE_S3_SECRET_KEY": "secret"}


@pytest.fixture(scope="module")
def unreadable() -> str:
    """What `manage.py check` says where every one of these is wrong."""
    result = manage("check", **{**PRODUCTION, **UNREADABLE})
    assert result.returncode == 1
    return result.stderr


@pytest.mark.parametrize("name", UNREADABLE)
def test_it_names_a_value_that_cannot_be_read(unreadable: str, name: str) -> None:
    assert f"(gateway.E001) {name} must " in unreadable
    assert "Traceback" not in unreadable


def test_it_gives_a_hint_and_never_the_value(unreadable: str) -> None:
    assert "HINT: Correct it in the environment or in .env." in unreadable
    assert "hunter2" not in unreadable


@pytest.mark.parametrize(
    "url", ["postgres://user:pass word@host:port/name", "postgres", "sqlite://[", "nosuchdb://host/name"]
)
def test_it_survives_any_database_url(url: str) -> None:
    result = manage("check", **{**PRODUCTION, "DATABASE_URL": url})
    assert "(gateway.E001) DATABASE_URL must look like postgres://user:password@host:5432/name." in result.stderr


@pytest.mark.parametrize("proxies", ["0.0.0.0/0", "10.0.0.1,::/0"])
def test_not_everybody_is_a_proxy(proxies: str) -> None:
    result = manage("check", **{**PRODUCTION, "TRUSTED_PROXIES": proxies})
    assert "(gateway.E001) TRUSTED_PROXIES must not be everybody." in result.stderr


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.env"
    broken.write_bytes(b"SECRET_KEY=\xff\xfe")
    result = manage("check", **{**PRODUCTION, "ENV_FILE": str(broken)})
    assert f"(gateway.E001) {broken} cannot be read as UTF-8 text" in result.stderr


def test_a_machine_without_settings_hears_how_to_make_them() -> None:
    result = manage("migrate")
    assert "(gateway.E002) SECRET_KEY is missing" in result.stderr
    assert "(gateway.E003) ENCRYPTION_KEYS is missing" in result.stderr
    assert "HINT: `manage.py gen_env` prints fresh values for .env." in result.stderr
    assert "Traceback" not in result.stderr


def test_production_settings_pass_the_deployment_checks() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_short_secret_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x" * 31)
    assert found("gateway.E002")


@pytest.mark.parametrize(
    ("wrong", "check_id"),
    [
        ({"ENCRYPTION_KEYS": []}, "gateway.E003"),
        ({"ENCRYPTION_KEYS": ["not a Fernet key"]}, "gateway.E004"),
        ({"DIFY_BASE_URL": "dify.example.com"}, "gateway.E005"),
        ({"DIFY_CA_BUNDLE": "/does/not/exist.pem"}, "gateway.E006"),
        ({"REDIS_URL": "localhost:6379"}, "gateway.E007"),
        ({"ARCHIVE_S3_ENDPOINT": "http://minio:9000", **S3_KEYS}, "gateway.E009"),
        ({"ARCHIVE_S3_REGION": "eu-central-1"}, "gateway.E009"),
        ({"ARCHIVE_S3_BUCKET": "archive", "ARCHIVE_S3_ACCESS_KEY": "key"}, "gateway.E010"),
        ({"ARCHIVE_S3_BUCKET": "archive", "ARCHIVE_S3_ENDPOINT": "http://minio:9000"}, "gateway.E010"),
        ({"ARCHIVE_S3_BUCKET": "archive", "ARCHIVE_S3_ENDPOINT": "minio:9000", **S3_KEYS}, "gateway.E011"),
        ({"CHAT_GATEWAY_JWT_SECRET": "x" * 31}, "gateway.W001"),
        ({"DIFY_API_KEY": "app-key", "DIFY_BASE_URL": ""}, "gateway.W002"),
        ({"DIFY_IDLE_TIMEOUT": 700, "DIFY_TOTAL_TIMEOUT": 600}, "gateway.W003"),
        ({"DEBUG": True, "HTTPS": True}, "gateway.W004"),
    ],
)
def test_a_setting_that_cannot_work_is_found(settings: Settings, wrong: dict[str, object], check_id: str) -> None:
    assert not found(check_id)
    for name, value in wrong.items():
        setattr(settings, name, value)
    assert found(check_id)


@pytest.mark.parametrize("workers", ["many", "0", "-1", "1000"])
def test_a_number_of_workers_that_gunicorn_would_trip_over_is_found(
    monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    assert found("gateway.E008")


@pytest.mark.parametrize(
    "right",
    [
        {"DIFY_BASE_URL": "https://dify.example.com"},
        {"DIFY_BASE_URL": "https://dify.example.com/v1", "DIFY_API_KEY": "app-key"},
        {"REDIS_URL": "rediss://:password@cache.example.com:6380/1"},
        {"ARCHIVE_S3_BUCKET": "archive"},
        {"ARCHIVE_S3_BUCKET": "archive", "ARCHIVE_S3_ENDPOINT": "http://minio:9000", **S3_KEYS},
        {"CHAT_GATEWAY_JWT_SECRET": "x" * 32},
        {"DEBUG": True},
    ],
)
def test_settings_that_work_are_left_in_peace(settings: Settings, right: dict[str, object]) -> None:
    for name, value in right.items():
        setattr(settings, name, value)
    assert not [message for message in run_checks() if str(message.id).startswith("gateway.")]


def found(check_id: str) -> bool:
    """Whether the check speaks up, with a hint."""
    return any(message.id == check_id and message.hint for message in run_checks())
