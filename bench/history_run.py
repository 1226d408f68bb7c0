"""One database, filled and measured: the child of bench/history.py. Writes its figures to stdout as JSON."""

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
django.setup()

from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from bench.history_data import END, PLANTED, SYSTEMS, TWO_CHARACTERS, YEAR, Writer, planted, planted_short  # noqa: E402
from bench.history_load import load  # noqa: E402
from history.models import Conversation  # noqa: E402
from tenants.models import ApiKey, System  # noqa: E402

REQUESTS, WARM_UP = 100, 10
LIST = "/v1/cache/conversations"
PAGE = "/cache"
EXPORT = "/cache/export.jsonl"
NUMBERS, VISITS = "/cache/numbers", 3
Query = dict[str, str]


def seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class Asking:
    """Requests of the largest system's server."""

    def __init__(self) -> None:
        system = System.objects.get(pk="large")
        key = ApiKey.issue(system)[1]
        self.headers = {"X-API-Key": key}
        self.client = Client(SERVER_NAME="localhost")
        self.client.get(PAGE, {"api_key": key})  # exchanged for a cookie
        self.random = random.Random(11)  # noqa: S311
        rows = Conversation.objects.filter(system=system).order_by("?")[:REQUESTS]
        self.some = list(rows.values_list("conversation_id", "user_id"))

    def measure(self, make: Callable[[], tuple[str, Query]]) -> tuple[float, float, float]:
        """p50 and p95 in ms, and how many rows came."""
        times, rows = [], []
        for number in range(WARM_UP + REQUESTS):
            path, query = make()
            begun = time.perf_counter()
            answer = self.ask(path, query)
            if number >= WARM_UP:
                times.append(1000 * (time.perf_counter() - begun))
                rows.append(answer.content.count(b'class="row-name"') if path == PAGE else len(answer.json()))
        return statistics.median(times), statistics.quantiles(times, n=20)[-1], statistics.mean(rows)

    def ask(self, path: str, query: Query) -> Any:
        answer = self.client.get(path, query, headers=self.headers)
        if answer.status_code != 200:
            raise RuntimeError(answer.content)
        return answer

    def kinds(self) -> dict[str, Callable[[], tuple[str, Query]]]:
        searches = {f"search, {kind}": self.searching(planted(kind)) for kind in PLANTED}
        shorts = {f"search, two CJK, {kind}": self.searching(planted_short(kind)) for kind in TWO_CHARACTERS}
        return {
            "list": lambda: (LIST, {}),
            "list of a user": lambda: (LIST, {"user_id": self.random.choice(self.some)[1]}),
            "list of a week": lambda: (LIST, self.week()),
            "list of a week and a user": lambda: (LIST, {**self.week(), "user_id": self.random.choice(self.some)[1]}),
            **searches,
            **shorts,
            "search, two words": lambda: (LIST, {"q": f"{self.word('common')} {self.word('middle')}"}),
            "search, rare, in a week": lambda: (LIST, {**self.week(), "q": self.word("rare")}),
            "search, common, of a user": lambda: (
                LIST,
                {"q": self.word("common"), "user_id": self.random.choice(self.some)[1]},
            ),
            "page": lambda: (PAGE, {}),
            "page, failed": lambda: (PAGE, {"status": "failed"}),
            "page, stopped": lambda: (PAGE, {"status": "stopped"}),
            "page, running": lambda: (PAGE, {"status": "pending"}),
            "page, disliked": lambda: (PAGE, {"feedback": "dislike"}),
            "page, common, failed": lambda: (PAGE, {"q": self.word("common"), "status": "failed"}),
            "page, common, stopped": lambda: (PAGE, {"q": self.word("common"), "status": "stopped"}),
            "one conversation": lambda: (f"{LIST}/{self.random.choice(self.some)[0]}/messages", {}),
        }

    def numbers(self, days: int) -> float:
        """Seconds that the page of numbers takes while nobody else has asked for these days."""
        last = END.date() - timedelta(days=1)
        query = {"from_date": str(last - timedelta(days=days - 1)), "to_date": str(last)}
        times = []
        for _ in range(VISITS):
            cache.clear()
            times.append(seconds(lambda: self.ask(NUMBERS, query)))
        return statistics.median(times)

    def export(self, **query: str) -> float:
        """Seconds until the last turn has come."""
        return seconds(lambda: sum(map(len, self.ask(EXPORT, query).streaming_content)))

    def searching(self, words: list[str]) -> Callable[[], tuple[str, Query]]:
        return lambda: (LIST, {"q": self.random.choice(words)})

    def word(self, kind: str) -> str:
        return self.random.choice(planted(kind))

    def week(self) -> Query:
        begin = (END - YEAR * self.random.random()).date()
        return {"from_date": begin.isoformat(), "to_date": (begin + timedelta(days=6)).isoformat()}


def size() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return int(cursor.fetchone()[0])


def main() -> None:
    conversations, messages = map(int, sys.argv[1:])
    call_command("collectstatic", interactive=False, verbosity=0)  # /cache needs their names
    call_command("migrate", "tenants", verbosity=0)
    call_command("migrate", "history", "0006", verbosity=0)
    System.objects.bulk_create(System(pk=name, name=name) for name in SYSTEMS)
    filling = seconds(lambda: load(Writer().turns(conversations, messages)))
    before = size()
    indexing = seconds(lambda: call_command("migrate", verbosity=0))
    index = size() - before
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # what autovacuum does in time
    asking = Asking()
    figures = {
        "conversations": conversations,
        "messages": messages,
        "requests": {what: asking.measure(make) for what, make in asking.kinds().items()},
        "seconds": {
            "numbers of a month": asking.numbers(30),
            "numbers of a year": asking.numbers(365),
            "export of everything": asking.export(),
            "export of a common word": asking.export(q=asking.word("common")),
            "export of a frequent word": asking.export(q=asking.word("frequent")),
            "export of a middle word": asking.export(q=asking.word("middle")),
            "export of what failed": asking.export(status="failed"),
            "rows in": filling,
            "search index": indexing,
        },
        "size": size(),
        "index": index,
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
