"""The running gateway of the browser tests: gunicorn with gevent workers, a database of its own, and a stand-in."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import jwt

ROOT = Path(__file__).resolve().parents[2]
SHARED_SECRET = "only-for-browser-tests-" + "0123456789abcdef" * 2


class LiveGateway:
    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.log = log

    def token(self, user_id: str, system_id: str = "drillquiz", seconds: int = 3600) -> str:
        claims = {"system_id": system_id, "user_id": user_id, "exp": int(time.time()) + seconds}
        return jwt.encode(claims, SHARED_SECRET, algorithm="HS256")

    def link(self, user_id: str, *, path: str = "/chat", system_id: str = "drillquiz", **query: str) -> str:
        return self.url + path + "?" + urlencode({"token": self.token(user_id, system_id), **query})


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(home: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DIFY_", "CHAT_"))},
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "DATABASE_URL": f"sqlite:///{home / 'db.sqlite3'}",
        "TEST_STATIC_ROOT": str(home / "static"),
        "TEST_JWT_SECRET": SHARED_SECRET,
        "ACCESS_LOG": "-",
        "ENV_FILE": os.devnull,
        "WEB_CONCURRENCY": "1",
    }


@contextmanager
def running_gateway(home: Path, dify_url: str, origins: list[str], port: int = 0) -> Iterator[LiveGateway]:
    port = port or free_port()
    env = environment(home) | {"HOST": "127.0.0.1", "PORT": str(port)}
    for command in (["manage.py", "migrate", "-v0"], ["manage.py", "collectstatic", "--noinput", "-v0"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=True)
    subprocess.run([sys.executable, "-m", "tests.browser.seed", dify_url, *origins], cwd=ROOT, env=env, check=True)
    log = home / "gateway.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"], cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", server, log)
        yield LiveGateway(f"http://127.0.0.1:{port}", log)
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def wait_until_ready(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1)
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"The gateway did not start:\n{log.read_text()}")
