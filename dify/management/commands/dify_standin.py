"""`manage.py dify_standin`: something to talk to where there is no Dify. For trying out, demos and tests only."""

import os
import resource
import signal
from argparse import ArgumentTypeError
from typing import Any

import gevent
from django.core.management.base import BaseCommand, CommandError, CommandParser
from gevent.pywsgi import WSGIServer

from dify.standin.profiles import DEMO_APPS, KINDS, App
from dify.standin.server import HOST, serving
from dify.standin.store import Store
from dify.standin.tempo import Tempo
from dify.standin.versions import VERSIONS
from dify.standin.world import World

MANNER = "1.13.2"


class Command(BaseCommand):
    help = "Serve a stand-in for Dify: its Service API, in memory, with made-up answers. Not for production."
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Django's own --version would be in the way of ours.
        parser = super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)
        parser.add_argument("--version", choices=sorted(VERSIONS), default=MANNER, help="in the manner of which Dify")
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8090)
        parser.add_argument("--host", default=HOST)
        parser.add_argument(
            "--delay", type=milliseconds, default=0.3, metavar="MS", help="before the first token (300)"
        )
        parser.add_argument("--pace", type=milliseconds, default=0.03, metavar="MS", help="between two tokens (30)")
        parser.add_argument(
            "--key",
            type=key_and_kind,
            action="append",
            metavar="KEY[=KIND]",
            help=f"an app key to accept, and its kind of app: {', '.join(KINDS)} (chat); may be repeated. "
            f"Without it: {', '.join(DEMO_APPS)}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tempo = Tempo(delay=options["delay"], pace=options["pace"])
        apps = dict(options["key"]) if options["key"] else DEMO_APPS
        world = World(VERSIONS[options["version"]], apps, tempo, Store())
        server = self.listening(world, options["host"], options["port"])
        self.say_where(world, options["host"], server.server_port)
        allow_many_connections()
        serve_until_told(server)
        self.stdout.write("The Dify stand-in has stopped.")

    def listening(self, world: World, host: str, port: int) -> WSGIServer:
        try:
            return serving(world, host, port)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise CommandError(f"Cannot listen on {host}:{port}: {reason}. Choose another with --port.") from error

    def say_where(self, world: World, host: str, port: int) -> None:
        self.stdout.write(f"A stand-in for Dify {world.version.name} listens on http://{host}:{port}/v1")
        for key, app in world.apps.items():
            self.stdout.write(f"  {key}  {app.name} ({app.mode})")
        self.stdout.write("Ctrl-C stops it.")
        self.stdout.flush()


def serve_until_told(server: WSGIServer) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, server.stop, timeout=0)
    server.serve_forever(stop_timeout=0)


def allow_many_connections() -> None:
    """As many open files as the system lets us have: a benchmark opens thousands of streams."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def milliseconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if value < 0:
        raise ArgumentTypeError(f"{text!r} is not a number of milliseconds")
    return value / 1000


def key_and_kind(text: str) -> tuple[str, App]:
    key, _, kind = text.partition("=")
    if (kind or "chat") not in KINDS:
        raise ArgumentTypeError(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
    return key, KINDS[kind or "chat"]
