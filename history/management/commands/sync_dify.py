"""`manage.py sync_dify`: what Dify has, in the ledger. Made for cron: docs/sync.md."""

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from history.sync import lock
from history.sync.report import Report
from history.sync.run import PER_SYSTEM, WORKERS, Sync, known_users
from history.sync.visit import Options
from tenants.caller import Caller
from tenants.durations import duration
from tenants.models import System

SOME_FAILED = 1
BAD_USAGE = 2
TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h
INTERRUPTED = 130


class Command(BaseCommand):
    help = "Make the ledger equal to what Dify has, for every known user of every enabled system."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--system", action="append", default=[], metavar="ID", help="only this one; repeatable")
        parser.add_argument("--user", action="append", default=[], metavar="ID", help="only this one; repeatable")
        parser.add_argument("--full", action="store_true", help="read conversations that have not moved, too")
        parser.add_argument(
            "--since", type=point_in_time, metavar="TIME", help="only what moved since 2026-01-31, or in the last 7d"
        )
        parser.add_argument("--dry-run", action="store_true", help="ask and count, but write nothing")
        parser.add_argument("--workers", type=positive, default=WORKERS, metavar="N", help="requests at a time")
        parser.add_argument(
            "--per-system", type=positive, default=PER_SYSTEM, metavar="M", help="of them, to the same system"
        )
        parser.add_argument("--skip-locked", action="store_true", help="if another sync is running, that is well")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        callers = chosen(options["system"], options["user"])
        what = Options(full=options["full"], since=options["since"], dry_run=options["dry_run"])
        try:
            with lock.held() as held, self.progress(len(callers), options) as on_user:
                sync = Sync(what, workers=options["workers"], per_system=options["per_system"], on_user=on_user)
                report = sync.run(callers, held)
        except lock.Locked as locked:
            if not options["skip_locked"]:
                raise CommandError(str(locked), returncode=TRY_LATER) from None
            self.stderr.write(str(locked))
            return
        except KeyboardInterrupt:
            said = "Interrupted. What was done is kept; the next sync goes on from there."
            raise CommandError(said, returncode=INTERRUPTED) from None
        self.tell(report, options)
        if report.problems:
            raise CommandError("\n  ".join(["", *map(str, report.problems)]), returncode=SOME_FAILED)

    @contextmanager
    def progress(self, users: int, options: dict[str, Any]) -> Iterator[Callable[[Caller], None]]:
        """A bar for a person who watches; for a log, with --verbosity 2, a line for each user."""
        console = Console(file=sys.stderr)
        if not console.is_terminal or options["json"] or options["verbosity"] == 0:
            yield self.note_user if options["verbosity"] > 1 and not options["json"] else lambda caller: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("Users", total=users)
            yield lambda caller: progress.advance(task)

    def note_user(self, caller: Caller) -> None:
        self.stdout.write(f"{caller.system.system_id}/{caller.user_id}: done")

    def tell(self, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json() | {"dry_run": options["dry_run"]}))
        elif options["verbosity"] > 0:
            self.stdout.write(f"{'Dry run: ' if options['dry_run'] else ''}{report.as_line()}")


def chosen(systems: list[str], users: list[str]) -> list[Caller]:
    """Raises CommandError for a name that nobody has: a typing error must not look like a sync without work."""
    enabled = set(System.objects.filter(pk__in=systems, enabled=True).values_list("pk", flat=True))
    if missing := [name for name in systems if name not in enabled]:
        raise CommandError(f"There is no enabled system called {', '.join(missing)}.", returncode=BAD_USAGE)
    callers = known_users(systems, users)
    if missing := sorted(set(users) - {caller.user_id for caller in callers}):
        raise CommandError(f"No user called {', '.join(missing)} is known.", returncode=BAD_USAGE)
    return callers


def point_in_time(text: str) -> datetime:
    try:
        return timezone.now() - duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"“{text}” is neither a time such as 2026-01-31T12:00 nor a length such as 7d"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.get_default_timezone()).astimezone(UTC)


def positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 256:
        raise ArgumentTypeError("it must be a number from 1 to 256")
    return int(text)
