"""`manage.py erase_user SYSTEM USER`: a person's words go, here and in Dify, and a receipt stays. docs/history.md"""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from history.counts import in_words, number_of
from history.erasure import receipt, run
from history.person import Person
from history.sync.lock import Locked
from tenants.models import System

PARTLY = 1
BAD_USAGE = 2
TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h
INTERRUPTED = 130
WAITS_FOR_A_SYNC = 600  # seconds


class Command(BaseCommand):
    help = "Delete everything that one person said, here and in Dify, and write a receipt."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("system", metavar="SYSTEM", help="its id, such as drillquiz")
        parser.add_argument("user", metavar="USER", help="the person, as the system names them")
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["system"], options["user"])
        try:
            outlook = None if options["yes"] and not options["dry_run"] else run.outlook(person)
            if outlook:
                self.stdout.write("\n".join(told(person, outlook)))
            if options["dry_run"]:
                return
            if not options["yes"]:
                confirm(person)
            self.erase(person)
        except run.Unknown:
            raise CommandError(nobody(person), returncode=BAD_USAGE) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Run it again to complete it.", returncode=INTERRUPTED) from None

    def erase(self, person: Person) -> None:
        try:
            written = run.erased(person, "the command line", wait_seconds=WAITS_FOR_A_SYNC)
        except Locked as locked:
            raise CommandError(f"{locked} Nothing was deleted; try again later.", returncode=TRY_LATER) from None
        self.stdout.write(receipt.as_text(written))
        if receipt.result_of(written) != "done":
            raise CommandError("The erasure is not complete. Run it again.", returncode=PARTLY)


def person_named(system_id: str, user_id: str) -> Person:
    """Raises CommandError."""
    system = System.objects.filter(pk=system_id).first()
    if system is None:
        raise CommandError(f"There is no system called {system_id}.", returncode=BAD_USAGE)
    return Person(system, user_id)


def nobody(person: Person) -> str:
    return f"No user called {person.user_id} is known in {person.system.pk}."


def told(person: Person, outlook: run.Outlook) -> list[str]:
    return [
        f"Everything of {person.user_id} in {person.system.name} ({person.system.pk}) would be deleted:",
        *(f"  {words} here" for words in in_words(outlook.here)),
        f"  {number_of('conversations', len(outlook.conversation_ids))} in Dify",
        *(f"  {problem}" for problem in outlook.problems),
        "It cannot be undone.",
    ]


def confirm(person: Person) -> None:
    """Raises CommandError."""
    if not sys.stdin.isatty():
        raise CommandError("Nobody is there to confirm it: use --yes.", returncode=BAD_USAGE)
    try:
        typed = input(f"Type the user id ({person.user_id}) to go on: ")
    except EOFError:
        typed = ""
    if typed.strip() != person.user_id.strip():
        raise CommandError("That is not the user id. Nothing was deleted.", returncode=BAD_USAGE)
