"""The people and systems of every test: Alice and Bob use DrillQuiz, Charlie belongs to CoinTutor."""

import io
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection, connections
from django.db.models.signals import post_migrate

from chatproxy import turn
from dify.http import adapter
from dify.standin.server import StandIn, running_standin
from gateway_project.logs import QuietFormatter
from gateway_project.request_id import RequestIdFilter
from history import recorder
from tenants import directory, tokens
from tenants.models import ApiKey, SigningSecret, System
from tests.gateway import Gateway
from tests.rooms import clients, rooms_server

__all__ = ["clients", "rooms_server"]  # fixtures


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQLite in a file, as in production: a database in memory would be shared by threads in other ways."""
    database = connections["default"]
    if database.vendor == "sqlite":
        database.settings_dict["TEST"]["NAME"] = str(Path(tmp_path_factory.mktemp("db")) / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Each test empties the tables after itself, which is most of its time unless it is made quick.

    PostgreSQL truncates slowly and deletes nothing quickly; and nobody asks for the permissions that Django would write
    anew each time.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(connection.ops, "sql_flush", deleting)
        yield


def deleting(style: object, tables: Iterable[str], **options: object) -> list[str]:
    """In any order: what refers to what is checked when all are empty."""
    return [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]  # noqa: S608


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Caches do not outlive a test, and no turn outlives its test."""
    directory.forget()
    recorder.forget_seen()
    cache.clear()
    ContentType.objects.clear_cache()
    adapter.cache_clear()
    yield
    turn.wait_for_running(10)


@pytest.fixture
def dify() -> Iterator[StandIn]:
    """A Dify 1.13 of the test's own; `dify.requests` is what reached it."""
    with running_standin() as standin:
        yield standin


def new_system(system_id: str, dify_url: str, app_key: str = "app-demo-chat") -> System:
    system = System.objects.create(
        system_id=system_id, name=system_id.title(), dify_base_url=dify_url, dify_api_key=app_key
    )
    SigningSecret.objects.create(system=system)
    return system


@pytest.fixture
def drillquiz(transactional_db: None, dify: StandIn) -> System:
    return new_system("drillquiz", dify.url)


@pytest.fixture
def cointutor(transactional_db: None, dify: StandIn) -> System:
    return new_system("cointutor", dify.url)


def caller_by_key(system: System, user_id: str) -> Gateway:
    return Gateway({"X-API-Key": ApiKey.issue(system)[1]}, user_id=user_id)


def caller_by_token(system: System, user_id: str) -> Gateway:
    return Gateway({"Authorization": f"Bearer {tokens.issue(system, user_id)[0]}"})


@pytest.fixture
def alice(drillquiz: System) -> Gateway:
    """A user of DrillQuiz, through its server's key."""
    return caller_by_key(drillquiz, "alice")


@pytest.fixture
def bob(drillquiz: System) -> Gateway:
    """Another user of DrillQuiz, with a token of his own."""
    return caller_by_token(drillquiz, "bob")


@pytest.fixture
def charlie(cointutor: System) -> Gateway:
    """An outsider: a user of another system, through its server's key."""
    return caller_by_key(cointutor, "charlie")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything down to DEBUG, of every library, as the gateway writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(QuietFormatter())
    handler.addFilter(RequestIdFilter())
    loggers = [logging.getLogger(), logging.getLogger("urllib3")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield written
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
