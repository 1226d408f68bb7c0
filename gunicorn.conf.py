"""How the gateway is served: `gunicorn gateway_project.wsgi` needs nothing more. Docs: docs.gunicorn.org."""

import multiprocessing
import os
from pathlib import Path

from dotenv import load_dotenv

load_dotenv(os.environ.get("ENV_FILE") or Path(__file__).resolve().parent / ".env", override=False, interpolate=False)

wsgi_app = "gateway_project.wsgi"
bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8088')}"  # noqa: S104, a server's job
worker_class = "gevent"  # a waiting chat costs a greenlet, not a thread
workers = int(os.environ.get("WEB_CONCURRENCY", multiprocessing.cpu_count()))
worker_connections = 4000
keepalive = 75  # seconds; longer than most proxies keep theirs
timeout = 60  # seconds without a sign of life from a worker, not the length of a request
graceful_timeout = 30  # seconds for turns that run when the process is asked to end
limit_request_line = 16_384  # a chat page link carries a token of up to 8 kB

errorlog = "-"
loglevel = "warning"
accesslog = os.environ.get("ACCESS_LOG") or None
# The path without its query: a chat page link has the token there.
access_log_format = '%(t)s %(h)s %(m)s %(U)s %(s)s %(B)s bytes %(M)s ms id=%({x-request-id}o)s'


def worker_exit(server: object, worker: object) -> None:
    """Turns run beside the requests, so gunicorn does not wait for them; their words must not be lost."""
    from chatproxy.turn import wait_for_running

    wait_for_running(graceful_timeout - 5)
