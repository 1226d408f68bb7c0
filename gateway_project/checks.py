"""System checks: every setting that cannot work is said at the start, with a hint, and not found out by a user."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ValidationError

from dify.addresses import service_url
from gateway_project import env
from tenants.models import MIN_SECRET_BYTES

FRESH = "`manage.py gen_env` prints fresh values for .env."
MIN_SECRET_KEY = 32  # characters
MOST_WORKERS = 256

logger = logging.getLogger(__name__)


def refuse_to_serve_with_errors() -> None:
    """For servers, which know nothing of checks. Ends the process in the way that gunicorn takes as final."""
    errors = [message for message in checks.run_checks() if message.is_serious() and not message.is_silenced()]
    for error in errors:
        logger.critical("%s", error)
    if errors:
        sys.exit(4)


@checks.register
def environment(**_: Any) -> list[CheckMessage]:
    hint = "Correct it in the environment or in .env. Until then the default is used."
    return [Error(problem, hint=hint, id="gateway.E001") for problem in env.problems]


@checks.register(checks.Tags.security)
def secrets(**_: Any) -> Iterator[CheckMessage]:
    if len(env.text("SECRET_KEY")) < MIN_SECRET_KEY:
        yield Error(f"SECRET_KEY is missing, or shorter than {MIN_SECRET_KEY} characters.", FRESH, id="gateway.E002")
    if not settings.ENCRYPTION_KEYS:
        yield Error("ENCRYPTION_KEYS is missing: secrets cannot be kept without it.", FRESH, id="gateway.E003")
    for place, key in enumerate(settings.ENCRYPTION_KEYS, start=1):
        if not is_fernet_key(key):
            yield Error(f"ENCRYPTION_KEYS: key {place} is not a Fernet key.", FRESH, id="gateway.E004")
    if 0 < len(settings.CHAT_GATEWAY_JWT_SECRET.encode()) < MIN_SECRET_BYTES:
        hint = "Give each system a signing secret of its own in the admin, then remove it."
        yield Warning(f"CHAT_GATEWAY_JWT_SECRET is shorter than {MIN_SECRET_BYTES} bytes.", hint, id="gateway.W001")


def is_fernet_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


@checks.register
def shared_dify(**_: Any) -> Iterator[CheckMessage]:
    if settings.DIFY_BASE_URL and not is_service_url(settings.DIFY_BASE_URL):
        hint = "Write it like https://dify.example.com/v1."
        yield Error("DIFY_BASE_URL is not the address of a Dify.", hint, id="gateway.E005")
    if settings.DIFY_API_KEY and not settings.DIFY_BASE_URL:
        hint = "Set DIFY_BASE_URL too, or remove the key: it is used with that address only."
        yield Warning("DIFY_API_KEY is set, but DIFY_BASE_URL is not.", hint, id="gateway.W002")
    if settings.DIFY_CA_BUNDLE and not Path(settings.DIFY_CA_BUNDLE).exists():
        hint = "Name a file of PEM certificates, or leave it out to trust what the system trusts."
        yield Error("DIFY_CA_BUNDLE names a file that does not exist.", hint, id="gateway.E006")
    if settings.DIFY_IDLE_TIMEOUT > settings.DIFY_TOTAL_TIMEOUT:
        hint = "A turn ends after DIFY_TOTAL_TIMEOUT, so silence can never last as long as DIFY_IDLE_TIMEOUT."
        yield Warning("DIFY_IDLE_TIMEOUT is longer than DIFY_TOTAL_TIMEOUT.", hint, id="gateway.W003")


def is_service_url(text: str) -> bool:
    try:
        service_url(text)
    except ValidationError:
        return False
    return True


@checks.register
def redis(**_: Any) -> Iterator[CheckMessage]:
    if settings.REDIS_URL and not settings.REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
        hint = "Write it like redis://localhost:6379/0."
        yield Error("REDIS_URL is not the address of a Redis.", hint, id="gateway.E007")


@checks.register
def archive(**_: Any) -> Iterator[CheckMessage]:
    names = ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "REGION")
    given = {name: getattr(settings, f"ARCHIVE_S3_{name}") for name in names}
    if any(given.values()) and not settings.ARCHIVE_S3_BUCKET:
        hint = "Name the bucket, or remove the other ARCHIVE_S3 settings to keep the archive in ARCHIVE_DIR."
        yield Error("ARCHIVE_S3_BUCKET is missing: the archive is not on S3 without it.", hint, id="gateway.E009")
    if bool(given["ACCESS_KEY"]) != bool(given["SECRET_KEY"]) or (given["ENDPOINT"] and not given["ACCESS_KEY"]):
        hint = "Set both. Only at Amazon may both be left out, where the machine has a role."
        yield Error("ARCHIVE_S3_ACCESS_KEY and ARCHIVE_S3_SECRET_KEY go together.", hint, id="gateway.E010")
    if given["ENDPOINT"] and not is_service_url(given["ENDPOINT"]):
        hint = "Write it like http://minio:9000, or leave it out for Amazon's."
        yield Error("ARCHIVE_S3_ENDPOINT is not an http(s) address.", hint, id="gateway.E011")


@checks.register
def gunicorn(**_: Any) -> Iterator[CheckMessage]:
    workers = env.text("WEB_CONCURRENCY", "1")
    if not workers.isdecimal() or not 1 <= int(workers) <= MOST_WORKERS:
        hint = "Leave it out for one worker a CPU."
        yield Error(f"WEB_CONCURRENCY must be a number from 1 to {MOST_WORKERS}.", hint, id="gateway.E008")


@checks.register(checks.Tags.security)
def public_site(**_: Any) -> Iterator[CheckMessage]:
    if settings.DEBUG and settings.HTTPS:
        hint = "Remove DEBUG: its error pages show code and settings to anybody."
        yield Warning("DEBUG is on, and PUBLIC_URL is https.", hint, id="gateway.W004")
