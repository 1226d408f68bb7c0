"""`./local.sh bench`: what a turn costs in the gateway, beside a bare pass-through, against the same stand-in.

CPU is user and system time of all of a server's processes, divided by turns. Latency is the median of one caller
that asks one turn after the other. Both servers run one gunicorn worker with gevent. Everything is measured in one
run, in alternating rounds, because machines are shared and noisy: read the ratios.
"""

import argparse
import runpy
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench import database, load
from bench.gateway import Gateway
from bench.processes import Server, free_port

ROUNDS = 4
OTHERS = ("history", "moving", "rooms", "sync")  # what else can be measured: `./local.sh bench history`


@contextmanager
def standin(delay_ms: int) -> Iterator[Server]:
    port = free_port()
    command = ["manage.py", "dify_standin", "--port", str(port), "--delay", str(delay_ms), "--pace", "0"]
    server = Server(command, {}, port, "/v1/parameters")
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def passthrough(dify: Server) -> Iterator[Server]:
    port = free_port()
    command = ["-m", "gunicorn", "-c", "bench/passthrough_conf.py", "-b", f"127.0.0.1:{port}"]
    environment = {"BENCH_DIFY_URL": f"http://127.0.0.1:{dify.port}/v1"}
    server = Server([*command, "bench.passthrough:application"], environment, port, "/")
    try:
        yield server
    finally:
        server.stop()


class Target:
    """Where to ask, and what it has cost so far."""

    def __init__(self, name: str, server: Server, path: str, headers: dict[str, str]) -> None:
        self.name = name
        self.server = server
        self.path = path
        self.headers = headers

    def measure(self, mode: str, count: int) -> tuple[list[load.Run], float]:
        ours = {"message": load.QUESTION, "user_id": "bench"}
        theirs = {"query": load.QUESTION, "user": "bench", "inputs": {}}
        before = self.server.cpu_seconds()
        runs = load.turns(self.server.port, self.path, self.headers, {**ours, **theirs, "response_mode": mode}, count)
        return runs, self.server.cpu_seconds() - before


def compare(targets: list[Target], mode: str, count: int) -> dict[str, tuple[load.Run, float]]:
    """{name: (median run, CPU ms a turn)}"""
    found: dict[str, tuple[list[load.Run], float]] = {target.name: ([], 0.0) for target in targets}
    for target in targets:
        target.measure(mode, load.WARM_UP)
    for _ in range(ROUNDS):
        for target in targets:
            runs, cpu = target.measure(mode, count // ROUNDS)
            found[target.name] = (found[target.name][0] + runs, found[target.name][1] + cpu)
    return {name: (load.median(runs), 1000 * cpu / len(runs)) for name, (runs, cpu) in found.items()}


def report(title: str, found: dict[str, tuple[load.Run, float]]) -> None:
    direct, bare, gateway = (found[name] for name in ("direct", "pass-through", "gateway"))
    print(f"\n{title}\n{'':14}{'first byte':>12}{'whole turn':>12}{'added':>10}{'CPU a turn':>12}")  # noqa: T201
    for name, (run, cpu) in found.items():
        added = run.whole - direct[0].whole
        print(f"{name:14}{run.first_byte:9.2f} ms{run.whole:9.2f} ms{added:7.2f} ms{cpu:9.2f} ms")  # noqa: T201
    latency = (gateway[0].whole - direct[0].whole) / max(0.01, bare[0].whole - direct[0].whole)
    print(f"gateway / pass-through: CPU {gateway[1] / bare[1]:.2f}, added latency {latency:.2f}")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=400, help="turns of each kind at each server")
    turns = parser.parse_args().turns
    for delay_ms in (0, 50):
        with ExitStack() as stack:
            dify = stack.enter_context(standin(delay_ms))
            bare = stack.enter_context(passthrough(dify))
            gateway = stack.enter_context(Gateway(stack.enter_context(database.fresh()), dify.port).running())
            targets = [
                Target("direct", dify, "/v1/chat-messages", {"Authorization": "Bearer app-demo-chat"}),
                Target("pass-through", bare, "/", {}),
                Target("gateway", gateway, "/v1/chat", {"X-API-Key": Gateway.KEY}),
            ]
            for mode in ("blocking", "streaming"):
                report(f"{mode}, Dify takes {delay_ms} ms", compare(targets, mode, turns))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        runpy.run_module(f"bench.{sys.argv.pop(1)}", run_name="__main__")
    else:
        main()
