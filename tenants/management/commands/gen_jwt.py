"""`manage.py gen_jwt [system_id] [user_id]`: a link to the chat page, for a person to open."""

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from tenants import tokens
from tenants.caller import valid_user_id
from tenants.durations import duration
from tenants.errors import NotConfigured
from tenants.links import chat_link
from tenants.models import MAX_TOKEN_LIFETIME, System


class Command(BaseCommand):
    help = "Print a link to the chat page, signed for one user of one system."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("system_id", nargs="?", help="the first enabled system if left out")
        parser.add_argument("user_id", nargs="?", default="alice", help="alice if left out")
        parser.add_argument("--lang", choices=[code for code, _ in settings.LANGUAGES], help="of the page")
        parser.add_argument("--expires", type=lifetime, metavar="TIME", help="3600, 90m, 24h or 7d, say; at most 30d")

    def handle(self, *args: Any, **options: Any) -> None:
        system = known_system(options["system_id"])
        user_id = checked_user(options["user_id"])
        try:
            token, _ = tokens.issue(system, user_id, options["expires"])
        except NotConfigured as error:
            raise CommandError(str(error)) from error
        self.stdout.write(chat_link(token, options["lang"]))


def lifetime(text: str) -> timedelta:
    try:
        wanted = duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    if not timedelta(0) < wanted <= MAX_TOKEN_LIFETIME:
        raise ArgumentTypeError(f"a link lives for more than nothing and at most {MAX_TOKEN_LIFETIME.days} days")
    return wanted


def known_system(system_id: str | None) -> System:
    enabled = System.objects.filter(enabled=True)
    system = enabled.filter(pk=system_id).first() if system_id else enabled.first()
    if system:
        return system
    if system_id and System.objects.filter(pk=system_id).exists():
        raise CommandError(f"The system {system_id} is disabled.")
    known = ", ".join(enabled.values_list("system_id", flat=True))
    if not known:
        raise CommandError("There is no system yet. Create one in the admin.")
    raise CommandError(f"There is no system “{system_id}”. There are: {known}.")


def checked_user(user_id: str) -> str:
    try:
        return valid_user_id(user_id)
    except ValidationError as error:
        raise CommandError(f"user_id: {error.detail['user_id'][0]}") from error  # type: ignore[call-overload, index]
