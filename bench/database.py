"""Databases made for one measurement and thrown away after it, so that nobody's data is near."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

Making = Callable[[], AbstractContextManager[str]]  # a database, of which it gives the address


def kinds() -> dict[str, Making]:
    """By their names: PostgreSQL on the server of DATABASE_URL, beside what that names, if that is one; and SQLite."""
    found: dict[str, Making] = {"SQLite": sqlite}
    server = os.environ.get("DATABASE_URL", "")
    return {"PostgreSQL": partial(postgresql, server)} | found if server.startswith("postgres") else found


def fresh() -> AbstractContextManager[str]:
    """PostgreSQL if there is one, else SQLite."""
    return next(iter(kinds().values()))()


@contextmanager
def postgresql(server: str) -> Iterator[str]:
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as scratch:
        yield f"sqlite:///{Path(scratch) / 'bench.sqlite3'}"
