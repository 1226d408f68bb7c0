"""A gateway of the benchmark's own: fresh secrets, one system, one worker."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.fernet import Fernet

from bench.processes import ROOT, Server, free_port

SETUP = """
from tenants.models import ApiKey, System
system, _ = System.objects.get_or_create(pk="bench", name="Bench")
ApiKey.objects.filter(name="bench").delete()
ApiKey.adopt(system, {key!r}, name="bench")
"""

QUIET = {"LOG_LEVEL": "ERROR"}  # for an environment


def settings(database: str) -> dict[str, str]:
    """The environment of a gateway with this database."""
    return {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": database,
    }


class Gateway:
    KEY = "sk_" + secrets.token_urlsafe(32)

    def __init__(self, database: str, dify_port: int) -> None:
        self.port = free_port()
        self.environment = settings(database) | {
            "DIFY_BASE_URL": f"http://127.0.0.1:{dify_port}",
            "DIFY_API_KEY": "app-demo-chat",
            "WEB_CONCURRENCY": "1",
            "PORT": str(self.port),
        }

    @contextmanager
    def running(self) -> Iterator[Server]:
        self.prepare()
        server = Server(["-m", "gunicorn"], self.environment, self.port, "/healthz")
        try:
            yield server
        finally:
            server.stop()

    def prepare(self) -> None:
        self.manage("migrate", "-v0")
        self.manage("shell", "-v0", "-c", SETUP.format(key=self.KEY))

    def manage(self, *arguments: str) -> None:
        subprocess.run(  # noqa: S603, our own command
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=os.environ | self.environment, check=True
        )
