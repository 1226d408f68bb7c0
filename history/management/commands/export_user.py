"""`manage.py export_user SYSTEM USER`: all that is kept of one person, as one JSON file: docs/history.md."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from history.management.commands.erase_user import BAD_USAGE, nobody, person_named
from history.person import Person
from history.person_export import document, is_known


class Command(BaseCommand):
    help = "Write everything that is kept of one person as one JSON file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("system", metavar="SYSTEM", help="its id, such as drillquiz")
        parser.add_argument("user", metavar="USER", help="the person, as the system names them")
        parser.add_argument("--output", type=Path, metavar="FILE", help="only its owner can read it; else to stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["system"], options["user"])
        if not is_known(person):
            raise CommandError(nobody(person), returncode=BAD_USAGE)
        output: Path | None = options["output"]
        if output is None:
            for piece in document(person):
                self.stdout.write(piece, ending="")
            return
        try:
            write(person, output)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
        if options["verbosity"] > 0:
            self.stderr.write(f"Written to {output}.")


def write(person: Person, output: Path) -> None:
    """Whole or not at all, and never readable by others. Raises OSError."""
    if output.exists() and not output.is_file():
        raise FileExistsError(None, "it is no ordinary file")
    with tempfile.NamedTemporaryFile("w", dir=output.parent, encoding="utf-8", delete=False) as file:  # with 0600
        try:
            file.writelines(document(person))
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(output)
        except BaseException:
            Path(file.name).unlink()
            raise
