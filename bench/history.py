"""`./local.sh bench history`: what the lists and the search cost with a year's worth of history, and with a tenth.

Each database is made anew and thrown away: SQLite in a temporary directory, and PostgreSQL beside the database of
DATABASE_URL, if that is one. The rows go in before the search's migration, which then indexes what is there, as it
would on a gateway that is upgraded. Requests go through Django's test client, in the process: all that a request
costs but the socket. Times are in milliseconds.
"""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

from bench.database import kinds
from bench.gateway import QUIET, settings
from bench.processes import ROOT

CONVERSATIONS, MESSAGES = 200_000, 1_000_000
Figures = dict[str, Any]


def measured(database: str, conversations: int, messages: int) -> Figures:
    """In a process of its own, because Django's settings are read once."""
    command = [sys.executable, "-m", "bench.history_run", str(conversations), str(messages)]
    answer = subprocess.run(  # noqa: S603, our own command
        command, cwd=ROOT, env=os.environ | settings(database) | QUIET, check=True, stdout=subprocess.PIPE
    )
    found: Figures = json.loads(answer.stdout)
    return found


def report(name: str, small: Figures, large: Figures) -> None:
    print(f"\n{name}: {large['conversations']:,} conversations, {large['messages']:,} messages, beside a tenth of it")  # noqa: T201
    print(f"{'':28}{'a tenth':^18}{'all of it':^18}")  # noqa: T201
    print(f"{'':28}{'p50':>9}{'p95':>9}{'p50':>9}{'p95':>9}  p50 ratio  rows")  # noqa: T201
    for what, (p50, p95, rows) in large["requests"].items():
        before50, before95, _ = small["requests"][what]
        verdict = "" if p95 < 50 and p50 <= 2 * before50 else "  ←"
        print(f"{what:28}{before50:9.1f}{before95:9.1f}{p50:9.1f}{p95:9.1f}{p50 / before50:11.1f}{rows:6.0f}{verdict}")  # noqa: T201
    for what, seconds in large["seconds"].items():
        print(f"{what}: {seconds:.1f} s")  # noqa: T201
    print(f"on disk: {large['size'] / 2**20:,.0f} MB, of which the search index {large['index'] / 2**20:,.0f} MB")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench history", description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    options = parser.parse_args()
    scales = [(options.conversations // 10, options.messages // 10), (options.conversations, options.messages)]
    for name, database in kinds().items():
        figures = []
        for conversations, messages in scales:
            with database() as address:
                figures.append(measured(address, conversations, messages))
        report(name, *figures)


if __name__ == "__main__":
    main()
