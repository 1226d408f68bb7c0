"""The old gateway's database, read only, as a stream: SQLite or PostgreSQL, with whatever columns it has."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
FETCH = 2000  # rows at a time
FEW_STATEMENTS = 8  # to be kept by the driver: each has a thousand places, and hardly any comes twice
BAD_ADDRESS = "The address cannot be read. Write it like postgresql://user:password@host:5432/name."

# table → (columns without which it says nothing, columns it may lack)
TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chat_systems": (
        ("system_id",),
        ("display_name", "dify_base_url", "dify_api_key", "allowed_origins", "enabled"),
    ),
    "sync_users": (("system_id", "user_id"), ("dify_user", "updated_at")),
    "conversation_mappings": (("system_id", "user_id", "conversation_id"), ("dify_user", "created_at")),
    "conversation_cache": (
        ("system_id", "user_id", "conversation_id"),
        ("dify_user", "name", "created_at", "synced_at"),
    ),
    "message_cache": (("conversation_id", "message_id", "role", "content"), ("created_at", "synced_at")),
}


class Unreadable(Exception):
    """The old database cannot be read; the message says why, and has no address in it."""


def selected(table: str, columns: set[str]) -> str:
    """All as text, whatever their types there: a date that PostgreSQL can write may be none that Python knows."""
    needed, optional = TABLES[table]
    return ", ".join(as_text(name) if name in columns else f"NULL AS {name}" for name in (*needed, *optional))


def as_text(name: str) -> str:
    return f"CAST({name} AS TEXT) AS {name}"


class Source(Protocol):
    def columns(self, table: str) -> set[str]: ...

    def stream(self, query: str) -> Iterator[Row]: ...

    def rows(self, query: str, values: Sequence[str]) -> list[Row]:
        """`query` has one `IN ()` to be filled."""
        ...

    def close(self) -> None: ...


def opened(url: str) -> Source:
    """From an address as SQLAlchemy or Django write it. Raises Unreadable."""
    kind = url.partition(":")[0].partition("+")[0].lower()
    if kind == "sqlite":
        return SQLiteSource(url)
    if kind in ("postgres", "postgresql"):
        return PostgresSource(url)
    raise Unreadable("Write the address like sqlite:////path/to/old.db or postgresql://user:password@host:5432/name.")


class SQLiteSource:
    def __init__(self, url: str) -> None:
        path = Path(unquote(url.partition("://")[2].partition("?")[0]).removeprefix("/"))
        if not path.is_file():
            raise Unreadable("There is no such SQLite file.")
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?{mode(path)}", uri=True, cached_statements=FEW_STATEMENTS
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.text_factory = lambda text: text.decode(errors="replace")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise Unreadable("The file is not an SQLite database, or cannot be read.") from error

    def columns(self, table: str) -> set[str]:
        with reading():
            return {row["name"] for row in self._connection.execute(f"PRAGMA table_info({table})")}

    def stream(self, query: str) -> Iterator[Row]:
        with reading(), closing(self._connection.cursor()) as cursor:
            for row in cursor.execute(query):
                yield dict(row)

    def rows(self, query: str, values: Sequence[str]) -> list[Row]:
        marks = ", ".join("?" * len(values))
        with reading():
            return [dict(row) for row in self._connection.execute(query.replace("IN ()", f"IN ({marks})"), values)]

    def close(self) -> None:
        self._connection.close()


def mode(path: Path) -> str:
    """Reading must leave no trace: beside a database whose log is empty, even a reader would make files."""
    log = path.with_name(path.name + "-wal")
    with path.open("rb") as file:
        keeps_a_log = file.read(20)[18:20] == b"\x02\x02"
    alone = keeps_a_log and not (log.exists() and log.stat().st_size)
    return "mode=ro&immutable=1" if alone else "mode=ro"


@contextmanager
def reading() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, psycopg.Error) as error:
        raise Unreadable(f"The old database cannot be read to its end ({type(error).__name__}).") from None


class PostgresSource:
    """One snapshot for everything, so that tables which are still written to fit together."""

    def __init__(self, url: str) -> None:
        try:
            self._connection = psycopg.connect(libpq_url(url), connect_timeout=10, row_factory=dict_row)
        except ValueError:
            raise Unreadable(BAD_ADDRESS) from None
        except psycopg.Error as error:
            raise Unreadable(why_not(str(error))) from None
        self._connection.read_only = True
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with reading():
            self._connection.execute("SET datestyle = ISO")
            self._connection.execute("SET timezone = UTC")

    def columns(self, table: str) -> set[str]:
        query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
        with reading():
            return {row["attname"] for row in self._connection.execute(query, [table])}

    def stream(self, query: str) -> Iterator[Row]:
        with reading(), self._connection.cursor(name="moving") as cursor:
            cursor.itersize = FETCH
            yield from cursor.execute(query.encode())

    def rows(self, query: str, values: Sequence[str]) -> list[Row]:
        with reading():
            filled = query.replace("IN ()", "= ANY(%s)").encode()
            return self._connection.execute(filled, [list(values)]).fetchall()

    def close(self) -> None:
        self._connection.close()


def libpq_url(url: str) -> str:
    """Without SQLAlchemy's driver, and with libpq's word for what asyncpg calls `ssl`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.port == 0:
        raise ValueError
    words = [("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query)]
    return urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(words), ""))


def why_not(message: str) -> str:
    """libpq's message may quote parts of the address, and so of a password."""
    if "authentication failed" in message or "no password supplied" in message:
        return "PostgreSQL refuses that user or password."
    if "database" in message and "does not exist" in message:
        return "There is no such database there."
    if "invalid" in message.lower() and "connection to server" not in message:
        return BAD_ADDRESS
    return "PostgreSQL cannot be reached at that address."
