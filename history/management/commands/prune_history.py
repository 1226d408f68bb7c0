"""`manage.py prune_history`: what is older than each system's retention goes. Made for cron: docs/history.md."""

import json
import logging
from argparse import ArgumentTypeError
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from history import removal
from history.counts import in_words
from history.pruning import COUNTED, Pruning
from history.recorder import let_go_of_database
from tenants.models import System

SOME_FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130
MOST = 10_000

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Remove what is older than each system's retention days. Systems without any are left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--system", action="append", default=[], metavar="ID", help="only this one; repeatable")
        parser.add_argument("--dry-run", action="store_true", help="count, but remove nothing")
        parser.add_argument(
            "--batch", type=batch_size, default=removal.BATCH, metavar="N", help="rows in a transaction (%(default)s)"
        )
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        results, failed = [], []
        for system in chosen(options["system"]):
            counted: Counter[str] = Counter()
            try:
                self.prune(system, counted, options)
            except KeyboardInterrupt:
                said = "Interrupted. What was removed is gone; the next run goes on from there."
                raise CommandError(said, returncode=INTERRUPTED) from None
            except Exception as error:
                logger.exception("A system could not be pruned")
                failed.append({"system_id": system.pk, "reason": f"{type(error).__name__}; run it again."})
            results.append({"system_id": system.pk} | {what: counted[what] for what in COUNTED})
        self.tell(results, failed, options)
        if failed:
            raise CommandError("\n  ".join(["", *(f"{it['system_id']}: {it['reason']}" for it in failed)]))

    def prune(self, system: System, counted: Counter[str], options: dict[str, Any]) -> None:
        """Adds to `counted` as it goes, so that a failure does not hide what was removed before it."""
        pruning = Pruning(system, options["batch"])
        if options["dry_run"]:
            counted.update(pruning.would_remove())
            return
        for removed in pruning.steps():
            counted.update(removed)
            let_go_of_database()

    def tell(self, results: list[dict[str, Any]], failed: list[dict[str, str]], options: dict[str, Any]) -> None:
        if options["json"]:
            report = {"systems": results, "errors": failed, "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(report))
        elif options["verbosity"] > 0:
            self.stdout.write("\n".join(line(result, options["dry_run"]) for result in results) or NOTHING_TO_DO)


NOTHING_TO_DO = "No system has a retention: nothing to do."


def line(result: dict[str, Any], dry_run: bool) -> str:
    numbers = ", ".join(in_words({what: result[what] for what in COUNTED})) or "nothing"
    return f"{result['system_id']}: {'would remove' if dry_run else 'removed'} {numbers}"


def chosen(names: list[str]) -> list[System]:
    """Raises CommandError for a name that nobody has: a typing error must not look like a run without work."""
    known = {system.pk: system for system in System.objects.filter(pk__in=names)}
    if missing := [name for name in names if name not in known]:
        raise CommandError(f"There is no system called {', '.join(missing)}.", returncode=BAD_USAGE)
    systems = System.objects.exclude(retention_days=None).order_by("pk")
    return list(systems.filter(pk__in=names) if names else systems)


def batch_size(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST:
        raise ArgumentTypeError(f"it must be a number from 1 to {MOST:,}")
    return int(text)
