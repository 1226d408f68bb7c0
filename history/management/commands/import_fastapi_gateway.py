"""`manage.py import_fastapi_gateway DATABASE_URL`: what the old gateway kept, moved over: docs/moving.md."""

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from history.moving.report import Report
from history.moving.run import BATCH, Moving
from history.moving.source import Source, Unreadable, opened

INTERRUPTED = 130
A_LINE_EVERY = 100_000  # messages


class Command(BaseCommand):
    help = "Import systems, users, conversations and messages from the old FastAPI gateway's database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", metavar="DATABASE_URL", help="sqlite:////path/to/old.db or postgresql://…")
        parser.add_argument("--batch", type=size, default=BATCH, metavar="N", help="rows at a time")
        parser.add_argument("--dry-run", action="store_true", help="read and count, but write nothing")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with closing(opened(options["url"])) as source:
                report = self.move(source, options)
        except Unreadable as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            said = "Interrupted. What was taken is kept; run it again for the rest."
            raise CommandError(said, returncode=INTERRUPTED) from None
        self.tell(report, options)

    def move(self, source: Source, options: dict[str, Any]) -> Report:
        moving = Moving(source, batch=options["batch"], dry_run=options["dry_run"])
        with self.progress(moving.messages(), options) as moving.on_rows:
            return moving.run()

    @contextmanager
    def progress(self, total: int, options: dict[str, Any]) -> Iterator[Callable[[int], None]]:
        """A bar for a person who watches, a line now and then for a log."""
        console = Console(file=sys.stderr)
        if not console.is_terminal or options["json"] or options["verbosity"] == 0:
            quiet = options["json"] or options["verbosity"] == 0
            yield (lambda rows: None) if quiet else Lines(total, self.stdout.write).add
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress:
            task = progress.add_task("Messages", total=total)
            yield lambda rows: progress.advance(task, rows)

    def tell(self, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json() | {"dry_run": options["dry_run"]}))
        elif options["verbosity"] > 0:
            self.say("Would be imported" if options["dry_run"] else "Imported", report.as_lines())
            self.say("To note", report.notes)
            self.say("Not taken, or not whole", report.reasons())

    def say(self, heading: str, lines: list[str]) -> None:
        if lines:
            self.stdout.write("\n  ".join([f"{heading}:", *lines]))


class Lines:
    def __init__(self, total: int, write: Callable[[str], object]) -> None:
        self._total = total
        self._write = write
        self._done = 0

    def add(self, rows: int) -> None:
        before, self._done = self._done, self._done + rows
        if self._done // A_LINE_EVERY > before // A_LINE_EVERY:
            self._write(f"{self._done:,} of {self._total:,} messages")


def size(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise ArgumentTypeError("it must be a number from 1 to 10,000")
    return int(text)
