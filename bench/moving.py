"""`python -m bench.moving`: what it takes to import an old gateway's database, from a generated SQLite file.

Seconds and peak memory of `manage.py import_fastapi_gateway`, into a fresh database, and once more when there is
nothing new.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench import database
from bench.gateway import settings
from bench.processes import ROOT

SCHEMA = """
CREATE TABLE chat_systems (system_id VARCHAR PRIMARY KEY, display_name VARCHAR, dify_base_url VARCHAR,
    dify_api_key VARCHAR, allowed_origins TEXT, enabled BOOLEAN);
CREATE TABLE sync_users (system_id VARCHAR, user_id VARCHAR, dify_user VARCHAR, updated_at DATETIME);
CREATE TABLE conversation_mappings (system_id VARCHAR, user_id VARCHAR, dify_user VARCHAR, conversation_id VARCHAR,
    created_at DATETIME);
CREATE TABLE conversation_cache (system_id VARCHAR, user_id VARCHAR, dify_user VARCHAR,
    conversation_id VARCHAR UNIQUE, name VARCHAR, created_at DATETIME, synced_at DATETIME);
CREATE TABLE message_cache (id INTEGER PRIMARY KEY, conversation_id VARCHAR, message_id VARCHAR UNIQUE, role VARCHAR,
    content TEXT, created_at DATETIME, synced_at DATETIME);
"""
WORDS = ("why", "how", "lesson", "answer", "because", "example", "문법", "질문", "단어", "文法", "質問", "verb")
TURNS_OF_A_CONVERSATION = 5
CONVERSATIONS_OF_A_USER = 10


def generate(path: Path, messages: int) -> None:
    """Piece by piece: a child's peak of memory is never less than what its parent holds when it starts."""
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    random = Random(1)  # noqa: S311, the same data every time
    database.execute("INSERT INTO chat_systems VALUES ('drillquiz', 'DrillQuiz', NULL, NULL, NULL, 1)")
    query = "INSERT INTO message_cache (conversation_id, message_id, role, content, created_at) VALUES (?, ?, ?, ?, ?)"
    for number in range(messages // 2 // TURNS_OF_A_CONVERSATION):
        conversation = new_id(random)
        times = [time_of(number * TURNS_OF_A_CONVERSATION + turn) for turn in range(TURNS_OF_A_CONVERSATION)]
        owner = owner_of(random, number, conversation, times[0])
        database.execute("INSERT INTO conversation_cache VALUES ('drillquiz', ?, ?, ?, ?, ?, ?)", owner)
        database.executemany(query, (row for when in times for row in halves(random, conversation, when)))
    database.commit()


def time_of(turn: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime(1_700_000_000 + 60 * turn))


def new_id(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def owner_of(random: Random, number: int, conversation: str, when: str) -> tuple[str, ...]:
    user = f"user-{number // CONVERSATIONS_OF_A_USER}"
    return user, f"drillquiz_{user}", conversation, text(random, 4), when, when


def halves(random: Random, conversation: str, when: str) -> Iterator[tuple[str, ...]]:
    turn_id = new_id(random)
    yield conversation, f"{turn_id}_user", "user", text(random, 8), when
    yield conversation, f"{turn_id}_assistant", "assistant", text(random, 60), when


def text(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words))


def measured(arguments: list[str], environment: dict[str, str]) -> tuple[str, float, float]:
    """What a command printed, its seconds, and the most memory it took, in MB."""
    began = time.monotonic()
    with subprocess.Popen(  # noqa: S603, our own command
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout  # noqa: S101
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments[0]} failed.")
    return printed, time.monotonic() - began, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.moving", description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    count = parser.parse_args().messages
    with database.fresh() as address, tempfile.TemporaryDirectory() as scratch:
        old = Path(scratch) / "old.db"
        generate(old, count)
        environment = os.environ | settings(address)
        print(address.partition(":")[0])  # noqa: T201
        measured(["migrate", "--verbosity", "0"], environment)
        for run in ("first", "second"):
            printed, seconds, peak = measured(["import_fastapi_gateway", f"sqlite:///{old}", "--json"], environment)
            turns = json.loads(printed)["turns"]
            print(f"{run:8}{turns['new']:10,} new of {turns['seen']:,} turns{seconds:9.1f} s{peak:8.0f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
