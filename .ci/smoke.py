"""What a new user does on a fresh machine: `./local.sh`, paste what it prints, Ctrl-C, and once more.

Runs in a copy of the checkout, on ports of its own, with the system's Python.
"""

import http.cookiejar
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
PORT, ROOMS_PORT, STANDIN_PORT = "8097", "8098", "8099"  # rooms are on the port after the gateway's
READY = "Ctrl-C stops it."
OURS = ("DATABASE_URL", "REDIS_URL", "ENV_FILE", "PUBLIC_URL", "ROOMS_PORT", "SECRET_KEY", "ENCRYPTION_KEYS")


def main() -> None:
    # A shell that runs us in the background has us ignore what Ctrl-C sends, and our children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as scratch:
        copy_checkout(scratch)
        with local_sh(scratch) as (process, first):
            try_everything(first)
            check(refusal(scratch), "a port in use gets one sentence")
            stop(process, signal.SIGINT, everybody=True, code=130)
        env = Path(scratch, ".env")
        check(env.stat().st_mode & 0o777 == 0o600, ".env is private")
        secrets = env.read_text()
        with local_sh(scratch) as (process, second):
            check(lasting(second) == lasting(first), "a second run prints the same login and keys")
            check(env.read_text() == secrets, "a second run keeps the secrets")
            check(questions(scratch) == ["Hello!", "Hello!"], "a second run keeps what was said")
            stop(process, signal.SIGTERM, everybody=False, code=143)


def check(true: object, what: str) -> None:
    print(f"   {'ok' if true else 'NOT TRUE'}: {what}", flush=True)
    if not true:
        sys.exit(1)


def copy_checkout(target: str) -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout
    there = b"\0".join(name for name in files.split(b"\0") if name and (ROOT / name.decode()).exists())
    archive = subprocess.run(
        ["tar", "--create", "--null", "--files-from=-"], cwd=ROOT, input=there, check=True, capture_output=True
    )
    subprocess.run(["tar", "--extract"], cwd=target, input=archive.stdout, check=True)


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OURS and not name.startswith("DIFY_")}
    return kept | {"PORT": PORT, "STANDIN_PORT": STANDIN_PORT}


@contextmanager
def local_sh(directory: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running script, and all that it printed until it was ready."""
    process = subprocess.Popen(
        ["./local.sh"],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process, said_until_ready(process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)


def said_until_ready(process: subprocess.Popen[str]) -> str:
    said = ""
    for line in process.stdout or []:
        said += line
        if READY in line:
            return said
    print(said)
    sys.exit("local.sh ended before it was ready.")


def try_everything(said: str) -> None:
    curls = re.findall(r"curl http\S+/v1/chat .*", said)
    check(len(curls) == 2, "it prints a curl for each of two systems")
    for command in curls:
        answer = subprocess.run(["bash", "-c", command + " -sS"], check=True, capture_output=True, text=True).stdout
        check(json.loads(answer).get("answer"), "a pasted curl is answered")
    for link in re.findall(r"http\S+/chat\?\S+", said):
        with urllib.request.urlopen(link, timeout=10) as page:
            check("text/html" in page.headers["Content-Type"], "a chat page link opens")
    check(admin_opens(said), "the admin lets the printed login in")
    try_rooms(said)


def try_rooms(said: str) -> None:
    curl = re.search(r"curl http\S+/create-room/ .*", said)
    link = re.search(r"ws://\S+", said)
    page = re.search(r"http\S+/rooms/test/\?\S+", said)
    check(curl and link and page, "it prints a curl that makes a room, the address of its sockets, and a test page")
    assert curl
    assert link
    assert page
    made = subprocess.run(["bash", "-c", curl[0] + " -sS"], check=True, capture_output=True, text=True).stdout
    with connect(link[0].replace("ROOM", json.loads(made)["id"])) as socket:
        socket.send(json.dumps({"type": "chat.message", "message": "Hello!"}))
        check(own_message(socket) == "Hello!", "a plain socket of alice's gets its own message")
    with urllib.request.urlopen(page[0], timeout=10) as login:
        check("/admin/login/" in login.url, "the test page asks strangers to log in")


def own_message(socket: ClientConnection) -> str:
    for frame in map(json.loads, socket):
        if frame["type"] == "chat.message" and frame["sender"] == "alice@example.com":
            return str(frame["message"])
    return ""


def admin_opens(said: str) -> bool:
    found = re.search(r"(http\S+/admin/)\s+login (\S+) / (\S+)", said)
    check(found, "it prints the admin's address with login")
    assert found
    address, username, password = found.groups()
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    browser.open(f"{address}login/", timeout=10).close()
    token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
    form = {"username": username, "password": password, "csrfmiddlewaretoken": token, "next": "/admin/"}
    with browser.open(f"{address}login/", urllib.parse.urlencode(form).encode(), timeout=10) as page:
        return page.status == 200 and page.url == address


def refusal(directory: str) -> bool:
    again = subprocess.run(["./local.sh"], cwd=directory, env=environment(), capture_output=True, text=True, timeout=60)
    return again.returncode == 1 and again.stderr.count("\n") == 1 and f"Port {PORT}" in again.stderr


def questions(directory: str) -> list[str]:
    with closing(sqlite3.connect(Path(directory, "db.sqlite3"))) as database:
        return [row[0] for row in database.execute("SELECT query FROM history_message")]


def lasting(said: str) -> list[str]:
    return re.findall(r"Admin .*|curl .*", said)


def stop(process: subprocess.Popen[str], signal_number: int, *, everybody: bool, code: int) -> None:
    """Ctrl-C reaches the whole foreground group; a process manager's SIGTERM the script alone."""
    (os.killpg if everybody else os.kill)(process.pid, signal_number)
    check(process.wait(40) == code, f"{signal.Signals(signal_number).name} ends it")
    time.sleep(0.5)
    check(not any(map(answers, (PORT, ROOMS_PORT, STANDIN_PORT))), "nothing it started is left behind")
    rest = process.stdout.read() if process.stdout else ""
    check("Traceback" not in rest, "it ends quietly")


def answers(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


if __name__ == "__main__":
    main()
