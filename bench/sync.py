"""`python -m bench sync`: how long a sync takes, cold and then with nothing changed, beside one request at a time.

Dify is the stand-in in a process of its own; each of its answers takes 50 ms. Every sync is a process, too, as cron
starts it: CPU and memory are those of all of `manage.py sync_dify`, the seconds those that it reports itself, without
Python's start.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from typing import Any, NamedTuple

from bench import database
from bench.gateway import Gateway
from bench.processes import ROOT, Server, free_port

PEOPLE = """
from django.utils import timezone
from history.models import ChatUser, Conversation, Message
Message.objects.filter(system="bench").delete()
Conversation.objects.filter(system="bench").delete()
ChatUser.objects.filter(system="bench").delete()
now = timezone.now()
ChatUser.objects.bulk_create(
    ChatUser(system_id="bench", user_id=f"user-{{number:04}}", first_seen_at=now, last_seen_at=now)
    for number in range({users})
)
"""
TENTH = 10  # of the users, for one request at a time

TITLE = f"{'':38}{'users':>6}{'calls':>7}{'messages':>10}{'seconds':>9}{'messages/s':>12}{'CPU s':>7}{'peak MB':>9}"


class Run(NamedTuple):
    report: dict[str, Any]
    cpu: float
    megabytes: int

    def line(self, name: str) -> str:
        calls, messages = self.report["calls"], self.report["messages"]["seen"]
        seconds = self.report["seconds"]
        rate = f"{messages / seconds:12,.0f}" if messages else f"{'–':>12}"
        counted = f"{self.report['users']:6,}{calls:7,}{messages:10,}"
        return f"{name:38}{counted}{seconds:9.1f}{rate}{self.cpu:7.1f}{self.megabytes:9,}"


class Bench:
    def __init__(self, address: str, options: argparse.Namespace) -> None:
        self.options = options
        self.dify_port = free_port()
        self.gateway = Gateway(address, self.dify_port)

    def measure(self) -> None:
        """All of them at the usual pace, then a tenth of them one request at a time, from an empty ledger each."""
        many = ["--workers", str(self.options.workers), "--per-system", str(self.options.per_system)]
        name = f"{self.options.workers} at a time, {self.options.per_system} a system"
        dify = self.dify()
        try:
            self.gateway.prepare()
            self.pair(name, self.options.users, many)
            self.pair("1 at a time", max(1, self.options.users // TENTH), ["--workers", "1"])
        finally:
            dify.stop()

    def dify(self) -> Server:
        options = self.options
        size = (options.users, options.conversations, options.messages)
        command = ["-m", "bench.dify_with_history", *map(str, (self.dify_port, options.delay, *size))]
        return Server(command, {}, self.dify_port, "/v1/parameters")

    def pair(self, name: str, users: int, pace: list[str]) -> None:
        self.gateway.manage("shell", "-v0", "-c", PEOPLE.format(users=users))
        cold = self.sync(pace)
        expected = users * self.options.conversations * self.options.messages
        if cold.report["messages"]["added"] != expected or cold.report["errors"]:
            raise RuntimeError(f"{expected:,} messages should have come, not {cold.report}.")
        say(cold.line(f"{name}, cold"))
        say(self.sync(pace).line(f"{name}, nothing changed"))

    def sync(self, pace: list[str]) -> Run:
        command = [sys.executable, "manage.py", "sync_dify", "--json", *pace]
        process = subprocess.Popen(  # noqa: S603, our own command
            command, cwd=ROOT, env=os.environ | self.gateway.environment, stdout=subprocess.PIPE
        )
        assert process.stdout  # noqa: S101, for mypy
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"The sync failed: {said.decode()}")
        return Run(json.loads(said), *spent(used))


def spent(used: resource.struct_rusage) -> tuple[float, int]:
    """(seconds of CPU, megabytes at the peak)"""
    return used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench sync", description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--conversations", type=int, default=10, help="of each user")
    parser.add_argument("--messages", type=int, default=30, help="in each conversation")
    parser.add_argument("--delay", type=int, default=50, help="milliseconds that Dify takes for an answer")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--per-system", type=int, default=4)
    options = parser.parse_args()
    with database.fresh() as address:
        bench = Bench(address, options)
        say(f"{address.partition(':')[0]}\n{TITLE}")
        bench.measure()


if __name__ == "__main__":
    main()
