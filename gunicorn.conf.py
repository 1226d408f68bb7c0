"""How the gateway is served: `gunicorn gateway_project.wsgi` needs nothing more. Docs: docs.gunicorn.org."""

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from dotenv import load_dotenv

try:
    env_file = os.environ.get("ENV_FILE") or Path(__file__).resolve().parent / ".env"
    load_dotenv(env_file, override=False, interpolate=False)
except (OSError, UnicodeDecodeError) as error:
    sys.exit(f"{env_file} cannot be read as UTF-8 text: {error}.")


def whole_number(name: str, default: int, most: int) -> int:
    value = os.environ.get(name, "").strip() or str(default)
    if value.isdecimal() and 1 <= int(value) <= most:
        return int(value)
    sys.exit(f"{name} must be a whole number from 1 to {most}, not “{value}”.")


wsgi_app = "gateway_project.wsgi"
bind = f"{os.environ.get('HOST') or '0.0.0.0'}:{whole_number('PORT', 8088, 65_535)}"  # noqa: S104, a server's job
worker_class = "gateway_project.worker.Worker"  # gevent's: a waiting chat costs a greenlet, not a thread
workers = whole_number("WEB_CONCURRENCY", multiprocessing.cpu_count(), 256)
worker_connections = 4000
keepalive = 75  # seconds; longer than most proxies keep theirs
timeout = 60  # seconds without a sign of life from a worker, not the length of a request
graceful_timeout = 30  # seconds for turns that run when the process is asked to end
limit_request_line = 16_384  # a chat page link carries a token of up to 8 kB

errorlog = "-"
loglevel = "warning"
accesslog = os.environ.get("ACCESS_LOG") or None
# The path without its query: a chat page link has the token there.
access_log_format = "%(t)s %(h)s %(m)s %(U)s %(s)s %(B)s bytes %(M)s ms id=%({x-request-id}o)s"


def worker_exit(server: object, worker: Any) -> None:
    """Turns run beside the requests, so gunicorn does not wait for them; their words must not be lost."""
    worker.keep_turns()
