"""Databases made for one measurement and thrown away after it, so that nobody's data is near."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg


def fresh() -> AbstractContextManager[str]:
    """Its address: on the server of DATABASE_URL, beside what that names, if that is PostgreSQL; else SQLite."""
    server = os.environ.get("DATABASE_URL", "")
    return postgresql(server) if server.startswith("postgres") else sqlite()


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
