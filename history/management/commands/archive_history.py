"""`manage.py archive_history`: finished turns, as objects in the archive. Made for cron: docs/archive.md."""

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from history.archive.outbox import BATCH, MOST_NAMED, WORKERS, Outbox, Report, waiting
from tenants.models import System

SOME_FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130


class Command(BaseCommand):
    help = "Store every finished turn that is not in the archive yet, or has changed since."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--system", action="append", default=[], metavar="ID", help="only this one; repeatable")
        parser.add_argument("--limit", type=positive, metavar="N", help="at most so many turns")
        parser.add_argument("--batch", type=positive, default=BATCH, metavar="N", help="turns in memory at a time")
        parser.add_argument("--workers", type=few, default=WORKERS, metavar="N", help="uploads at a time")
        parser.add_argument("--dry-run", action="store_true", help="count, but store nothing")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        check(options["system"])
        turns = waiting(options["system"])
        found = min(turns.count(), options["limit"] or sys.maxsize)
        report = Report()
        try:
            if not options["dry_run"]:
                with self.progress(found, options) as on_stored:
                    outbox = Outbox(batch=options["batch"], workers=options["workers"], on_stored=on_stored)
                    report = outbox.run(turns, options["limit"])
        except KeyboardInterrupt:
            said = "Interrupted. What was stored is kept; the next run goes on from there."
            raise CommandError(said, returncode=INTERRUPTED) from None
        report.waiting = found
        self.tell(report, options)
        if report.failed:
            raise CommandError("\n  ".join(["", *problems(report)]), returncode=SOME_FAILED)

    @contextmanager
    def progress(self, total: int, options: dict[str, Any]) -> Iterator[Callable[[], None]]:
        console = Console(file=sys.stderr)
        if not console.is_terminal or options["json"] or options["verbosity"] == 0:
            yield lambda: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("Turns", total=total)
            yield lambda: progress.advance(task)

    def tell(self, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json() | {"dry_run": options["dry_run"]}))
        elif options["dry_run"]:
            self.stdout.write(f"Dry run: {report.waiting} turns are to be stored.")
        elif options["verbosity"] > 0:
            self.stdout.write(line_of(report))


def line_of(report: Report) -> str:
    told = report.as_json()
    return (
        f"{report.stored} turns stored, {report.bytes / 1e6:.1f} MB in {told['seconds']:.1f} s; "
        f"{report.changed} changed meanwhile; {report.failed} failed"
    )


def problems(report: Report) -> Iterator[str]:
    if report.down:
        yield "The archive takes nothing any more, so this run stopped. The next one goes on from here."
    yield from report.problems
    if report.failed > MOST_NAMED:
        yield f"and {report.failed - MOST_NAMED} more"


def check(systems: list[str]) -> None:
    """Raises CommandError for a name that nobody has: a typing error must not look like a run without work."""
    known = set(System.objects.filter(pk__in=systems).values_list("pk", flat=True))
    if missing := [name for name in systems if name not in known]:
        raise CommandError(f"There is no system called {', '.join(missing)}.", returncode=BAD_USAGE)


def positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10**9:
        raise ArgumentTypeError("it must be a whole number from 1")
    return int(text)


def few(text: str) -> int:
    if positive(text) > 64:
        raise ArgumentTypeError("it must be a number from 1 to 64")
    return int(text)
