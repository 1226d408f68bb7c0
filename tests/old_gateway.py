"""A database as the old FastAPI gateway left it, on SQLite or PostgreSQL, with what a test puts into it."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.db import connection
from psycopg import sql

SCHEMA = {
    "chat_systems": "system_id VARCHAR PRIMARY KEY, display_name VARCHAR, dify_base_url VARCHAR, dify_api_key VARCHAR, "
    "allowed_origins TEXT, enabled BOOLEAN",
    "sync_users": "system_id VARCHAR, user_id VARCHAR, dify_user VARCHAR, updated_at TIMESTAMP",
    "conversation_mappings": "system_id VARCHAR, user_id VARCHAR, dify_user VARCHAR, conversation_id VARCHAR, "
    "created_at TIMESTAMP",
    "conversation_cache": "id INTEGER, system_id VARCHAR, user_id VARCHAR, dify_user VARCHAR, conversation_id VARCHAR, "
    "name VARCHAR, created_at TIMESTAMP, synced_at TIMESTAMP",
    "message_cache": "id INTEGER, conversation_id VARCHAR, message_id VARCHAR, role VARCHAR, content TEXT, "
    "created_at TIMESTAMP, synced_at TIMESTAMP",
}
NOON = "2024-05-01 12:00:00.250000"


class OldGateway:
    """`url` is what an operator would give to the command."""

    url: str
    mark = "?"

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> None:
        raise NotImplementedError

    def make(self, schema: dict[str, str]) -> None:
        for table, columns in schema.items():
            self.execute(f"CREATE TABLE {table} ({columns})")

    def add(self, table: str, **row: Any) -> None:
        marks = ", ".join([self.mark] * len(row))
        self.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608

    def system(self, system_id: str = "drillquiz", **row: Any) -> None:
        self.add("chat_systems", **{"system_id": system_id, "display_name": "DrillQuiz", "enabled": True, **row})

    def conversation(
        self, conversation_id: str, system_id: str = "drillquiz", user_id: str = "alice", **row: Any
    ) -> None:
        told = {"dify_user": f"{system_id}_{user_id}", "name": "A chat", "created_at": NOON, "synced_at": NOON, **row}
        self.add("conversation_cache", conversation_id=conversation_id, system_id=system_id, user_id=user_id, **told)

    def half(self, conversation_id: str, message_id: str, role: str, content: Any, **row: Any) -> None:
        told = {"created_at": NOON, "synced_at": "2024-05-02 00:00:00", **row}
        self.add(
            "message_cache", conversation_id=conversation_id, message_id=message_id, role=role, content=content, **told
        )

    def turn(self, conversation_id: str, turn_id: str, query: str = "Why?", answer: str = "So.", **row: Any) -> None:
        self.half(conversation_id, f"{turn_id}_user", "user", query, **row)
        self.half(conversation_id, f"{turn_id}_assistant", "assistant", answer, **row)


class OnSQLite(OldGateway):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> None:
        with sqlite3.connect(self.path) as database:
            database.execute(query, values)
        database.close()


class OnPostgreSQL(OldGateway):
    """In a schema of its own, in the database of the tests."""

    mark = "%s"

    def __init__(self, name: str) -> None:
        told = connection.settings_dict
        self.name = name
        self.url = (
            f"postgresql+asyncpg://{quote(told['USER'])}:{quote(told['PASSWORD'])}@{told['HOST']}:{told['PORT']}"
            f"/{told['NAME']}?options=-csearch_path%3D{name}"
        )
        self._connection = psycopg.connect(self.url.replace("+asyncpg", ""), autocommit=True)

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> None:
        self._connection.execute(query.encode(), values)

    @contextmanager
    def standing(self) -> Iterator[None]:
        name = sql.Identifier(self.name)
        self._connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        try:
            yield
        finally:
            self._connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))
            self._connection.close()


@contextmanager
def on_postgresql() -> Iterator[OnPostgreSQL]:
    old = OnPostgreSQL(f"old_{uuid.uuid4().hex[:8]}")
    with old.standing():
        yield old
