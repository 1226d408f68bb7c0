"""A client system's site: pages with the widget's tag, under a policy that names nothing but the gateway."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit


class WidgetSite(BaseHTTPRequestHandler):
    """/?name=value… is a page whose tag has data-name="value"."""

    gateway = ""
    policy = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.policy)
        self.end_headers()
        self.wfile.write(self.html(parse_qsl(urlsplit(self.path).query)).encode())

    def html(self, options: list[tuple[str, str]]) -> str:
        data = " ".join(f'data-{name}="{escape(value)}"' for name, value in options)
        return f"""<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
            <title>DrillQuiz</title><h1>Question 7</h1><p>What is a ledger?</p><button id="ask">Ask about it</button>
            <script src="{self.gateway}/widget.js" {data} async></script>"""

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_widget_site(gateway_url: str, policy: str, server: ThreadingHTTPServer) -> Iterator[str]:
    """`server` listens already: the gateway had to know its origin before it could start."""
    server.RequestHandlerClass = type("ItsPages", (WidgetSite,), {"gateway": gateway_url, "policy": policy})
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield origin_of(server)
    finally:
        server.shutdown()
        server.server_close()


def listening(port: int = 0) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", port), WidgetSite)


def origin_of(server: ThreadingHTTPServer) -> str:
    """Another host name than the gateway's: another site, not only another port."""
    return f"http://localhost:{server.server_port}"


def page_with(origin: str, **options: str) -> str:
    return f"{origin}/?{urlencode({name.replace('_', '-'): value for name, value in options.items()})}"
