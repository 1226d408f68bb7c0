"""`./local.sh bench rooms`: people in rooms, over real sockets, until it breaks.

The load comes from processes of its own (rooms_load.py) on the same machine, whose CPU is shown beside the servers'.
The database is one of its own, see database.py. REDIS_URL is used if it is set; without Redis there can be only one
server process.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bench import database
from bench.gateway import QUIET, Gateway
from bench.processes import ROOT, Server, free_port

LOAD_PROCESSES = 2
WARM_UP = (1.0, 3.0)  # messages a second in each room, and for how many seconds
STEP = 15.0  # seconds at each rate while it is raised
TOO_SLOW = 1.0  # second, of the 95th percentile
WRONG = ("missed", "twice", "disordered", "closed", "refused")
PLENTY = 1_000_000

SETUP = """
from rooms.models import Room, RoomPolicy
from tenants.models import System
system, _ = System.objects.get_or_create(pk="bench", defaults={{"name": "Bench"}})
RoomPolicy.objects.update_or_create(
    system=system, defaults={{"trusted_addresses": "127.0.0.0/8", "messages_per_minute": {plenty}}}
)
print(*(Room.objects.create(system=system, name=f"Room {{number}}").pk for number in range({rooms})))
"""


class Load:
    """One process that plays a share of the people."""

    def __init__(self, rooms: list[str], ports: list[int], people: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.rooms_load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask(rooms=rooms, ports=ports, people=people)

    def ask(self, **what: Any) -> None:
        assert self._process.stdin  # noqa: S101, for mypy
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout  # noqa: S101, for mypy
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The load has ended by itself.")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        assert self._process.stdin  # noqa: S101, for mypy
        self._process.stdin.close()
        self._process.wait(timeout=60)


class Round:
    """What one rate led to, over all processes."""

    def __init__(self, rate: float, found: list[dict[str, Any]], cpu: list[float], memory: list[int]) -> None:
        self.rate = rate
        self.said = sum(each["said"] for each in found)
        self.heard = sum(each["heard"] for each in found)
        self.wrong = {name: sum(each[name] for each in found) for name in WRONG}
        self.delays = sorted(delay for each in found for delay in each["delays"])
        self.took = max(each["took"] for each in found)
        self.late = max(each["late"] for each in found)
        self.cpu = [seconds / self.took for seconds in cpu]
        self.load_cpu = [each["cpu"] / self.took for each in found]
        self.memory = memory

    def percentile(self, share: float) -> float:
        return self.delays[min(len(self.delays) - 1, int(share * len(self.delays)))] if self.delays else float("inf")

    @property
    def broken(self) -> bool:
        return any(self.wrong.values()) or self.percentile(0.95) > TOO_SLOW

    def __str__(self) -> str:
        delays = "".join(f"{1000 * self.percentile(share):8.0f}" for share in (0.5, 0.95, 0.99))
        cpu, load = percents(self.cpu), percents(self.load_cpu)
        memory = " + ".join(str(megabytes) for megabytes in self.memory)
        wrong = ", ".join(f"{count} {name}" for name, count in self.wrong.items() if count) or "nothing"
        rates = f"{self.rate:6g}{self.said / self.took:9.0f}{self.heard / self.took:10.0f}"
        return f"{rates}{delays}   {cpu:13}{load:13}{memory:11}{wrong}"


TITLES = (
    f"{'a room':>6}{'in/s':>9}{'out/s':>10}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}"
    f"   {'servers’ CPU':13}{'load’s CPU':13}{'RSS in MB':11}wrong"
)


def percents(shares: list[float]) -> str:
    return " + ".join(f"{share:.0%}" for share in shares)


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(  # noqa: S603, our own command
        command, cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@contextmanager
def servers(rooms: int, processes: int) -> Iterator[tuple[list[Server], list[str]]]:
    with database.fresh() as address, ExitStack() as stack:
        environment = Gateway(address, dify_port=9).environment | QUIET
        manage(environment, "migrate", "-v0")
        made = manage(environment, "shell", "-v0", "-c", SETUP.format(rooms=rooms, plenty=PLENTY)).split()
        running = []
        for _ in range(processes):
            port = free_port()
            settings = environment | {"ROOMS_PORT": str(port)}
            running.append(Server(["manage.py", "serve_rooms"], settings, port, "/healthz"))
            stack.callback(running[-1].stop)
        yield running, made


def measured(running: list[Server], loads: list[Load], rate: float, seconds: float) -> Round:
    before = [server.cpu_seconds() for server in running]
    for load in loads:
        load.ask(rate=rate, seconds=seconds)
    found = [load.answer() for load in loads]
    cpu = [server.cpu_seconds() - spent for server, spent in zip(running, before, strict=True)]
    return Round(rate, found, cpu, [server.megabytes() for server in running])


def measure(options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        running, rooms = stack.enter_context(servers(options.rooms, options.processes))
        ports, people = [server.port for server in running], options.sockets // options.rooms
        loads = [Load(rooms[place::LOAD_PROCESSES], ports, people) for place in range(LOAD_PROCESSES)]
        for load in loads:
            stack.callback(load.end)
        opened = max(load.answer()["seconds"] for load in loads)
        say(f"{people * len(rooms)} sockets in {len(rooms)} rooms, open after {opened:.1f} s\n\n{TITLES}")
        measured(running, loads, *WARM_UP)
        found = measured(running, loads, options.rate, options.seconds)
        say(f"{found}")
        while options.ramp and not found.broken:
            found = measured(running, loads, found.rate * 1.5, STEP)
            say(f"{found}")
        if options.ramp:
            say(f"\nIt breaks at {found.rate:g} messages a second in each room.")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench rooms", description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--rate", type=float, default=2, help="messages a second in each room")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=2 if os.environ.get("REDIS_URL") else 1)
    parser.add_argument("--no-ramp", dest="ramp", action="store_false", help="do not raise the rate until it breaks")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
