"""`manage.py setup_demo`: something to try the gateway with, and how. `./local.sh` runs it."""

import json
import shlex
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dify.addresses import service_url
from rooms import demo as rooms_demo
from tenants import demo, tokens
from tenants.errors import NotConfigured
from tenants.links import chat_link
from tenants.models import System

USER = "alice"
MADE_UP = """
  Answers are made up by a stand-in for Dify, {standin}. For real ones, set DIFY_BASE_URL and
  DIFY_API_KEY in .env and start again, or give a system a Dify app of its own in the admin."""


class Command(BaseCommand):
    help = "Create two systems with a secret key each and an admin user, once, and print how to use them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--standin", default="", metavar="URL", help="where the Dify stand-in listens, if it runs")
        parser.add_argument("--memory", type=Path, default=demo.default_memory(), metavar="FILE", help="what it issued")

    def handle(self, *args: Any, **options: Any) -> None:
        memory = demo.Memory.read(options["memory"])
        for sentence in demo.set_up(memory, checked_url(options["standin"])):
            self.stdout.write(sentence)
        for sentence in rooms_demo.set_up(memory):
            self.stdout.write(sentence)
        memory.write(options["memory"])
        self.say_how(memory, options["standin"])

    def say_how(self, memory: demo.Memory, standin: str) -> None:
        self.stdout.write(f"\n  Admin  {settings.PUBLIC_URL}/admin/  login {demo.admin_login(memory)}")
        for system in System.objects.filter(pk__in=demo.APP_KEYS).order_by("created_at"):
            self.stdout.write(f"\n  {system.name}")
            self.say_ways(ways(system, memory))
        if System.objects.filter(pk=rooms_demo.SYSTEM).exists():
            self.stdout.write("\n  Rooms, where people talk to people")
            self.say_ways(rooms_demo.ways())
        if standin:
            self.stdout.write(MADE_UP.format(standin=standin))

    def say_ways(self, found: list[tuple[str, str]]) -> None:
        for label, text in found:
            self.stdout.write(f"  {label:5}  {text}")


def checked_url(text: str) -> str:
    try:
        return service_url(text) if text else ""
    except ValidationError as error:
        raise CommandError(error.messages[0]) from error


def ways(system: System, memory: demo.Memory) -> list[tuple[str, str]]:
    """(label, what to paste), or the reason why there is nothing to paste."""
    if not system.enabled:
        return [("", "is disabled")]
    key = demo.usable_key(system, memory)
    return [("API", curl(key) if key else "its key was revoked; the admin issues another"), ("Chat", chat_page(system))]


def curl(key: str) -> str:
    body = json.dumps({"user_id": USER, "message": "Hello!"})
    words = ["curl", f"{settings.PUBLIC_URL}/v1/chat", "-H", f"X-API-Key: {key}"]
    return shlex.join([*words, "-H", "Content-Type: application/json", "-d", body])


def chat_page(system: System) -> str:
    try:
        return chat_link(tokens.issue(system, USER)[0])
    except NotConfigured as error:
        return str(error)
