"""The project's own commands as processes, with an environment in which nothing of the machine's shines through."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "only-for-tests-" + "0123456789abcdef" * 3,
    "ENCRYPTION_KEYS": "c6KSR7a3cyC1EUQ4b8B5aJ0e2WvJgC3b7dZbO3n8mXk=",
    "PUBLIC_URL": "https://chat.example.com",
}


def environment(**settings: str) -> dict[str, str]:
    machine = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**machine, "ENV_FILE": os.devnull, "PYTHONIOENCODING": "utf-8", **settings}


def manage(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=environment(**settings), cwd=ROOT, capture_output=True, text=True, timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def healthcheck() -> list[str]:
    """The command by which Docker asks whether the gateway is well."""
    found = re.search(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])", (ROOT / "Dockerfile").read_text())
    assert found
    command: list[str] = json.loads(found[1])
    return [sys.executable, *command[1:]]
