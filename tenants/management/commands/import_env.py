"""`manage.py import_env [FILE]`: what the FastAPI gateway before this one had in its environment, moved over."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from dotenv import dotenv_values

from tenants import legacy_env, legacy_import
from tenants.legacy_env import LegacyGateway

SHARED_KEYS = "The API keys open every system, as before. Issue one for each system in the admin, then revoke these."


class Command(BaseCommand):
    help = "Import systems, keys, signing secret and origins from the variables of the old FastAPI gateway."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="its .env; else the environment is read")

    def handle(self, *args: Any, **options: Any) -> None:
        variables = of_file(options["file"]) if options["file"] else os.environ
        old = legacy_env.read(variables)
        done = legacy_import.store(old)
        if not done:
            self.stdout.write("There is nothing to import: none of the old gateway's systems or keys are named.")
        self.say("Imported", [f"{what}: {outcome}" for what, outcome in done])
        self.say("To note", [*old.notes, *self.still_needed(old, done)])
        if options["file"]:
            self.say("Not read", [", ".join(sorted(name for name in variables if not legacy_env.is_legacy(name)))])

    def say(self, heading: str, lines: list[str]) -> None:
        if any(lines):
            self.stdout.write("\n  ".join([f"{heading}:", *lines]))

    def still_needed(self, old: LegacyGateway, done: list[tuple[str, str]]) -> list[str]:
        notes = []
        if any(outcome == legacy_import.ALL_SYSTEMS for _, outcome in done):
            notes.append(SHARED_KEYS)
        if (old.base_url and not settings.DIFY_BASE_URL) or (old.app_key and not settings.DIFY_API_KEY):
            notes.append("DIFY_BASE_URL and DIFY_API_KEY stay the shared Dify: copy them into this gateway's .env.")
        return notes


def of_file(path: Path) -> Mapping[str, str | None]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            return dotenv_values(stream=stream, interpolate=False)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text.") from error
