"""One caller that asks again and again over one connection, and notes how long each turn took."""

import http.client
import json
import statistics
import time
from typing import NamedTuple

WARM_UP = 20  # turns that do not count

QUESTION = "What does a ledger keep, and for how long?"


class Run(NamedTuple):
    """Milliseconds a turn."""

    first_byte: float
    whole: float


def turns(port: int, path: str, headers: dict[str, str], body: dict[str, object], count: int) -> list[Run]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    payload = json.dumps(body)
    return [one_turn(connection, path, headers, payload) for _ in range(count)]


def one_turn(connection: http.client.HTTPConnection, path: str, headers: dict[str, str], payload: str) -> Run:
    begun = time.perf_counter()
    connection.request("POST", path, payload, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    first = response.read1(1)
    first_byte = time.perf_counter()
    answer = first + response.read()
    whole = time.perf_counter()
    if response.status != 200 or len(answer) < 100:
        raise RuntimeError(f"{path} answered {response.status}: {answer[:200]!r}")
    return Run(1000 * (first_byte - begun), 1000 * (whole - begun))


def median(runs: list[Run]) -> Run:
    return Run(statistics.median(r.first_byte for r in runs), statistics.median(r.whole for r in runs))
