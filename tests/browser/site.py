"""Somebody else's site, on an origin of its own and with a strict policy, that links to the chat or embeds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

SCRIPT = """
window.heard = [];
addEventListener("message", (event) => heard.push({ origin: event.origin, ...event.data }));
const frame = document.querySelector("iframe");
window.tell = (message) => frame.contentWindow.postMessage({ source: "chat-gateway", ...message }, "*");
"""
STYLE = "body { margin: 0 } iframe { border: 0; width: 400px; height: 640px }"


class Site(BaseHTTPRequestHandler):
    """/embed?src=…[&sandbox=…], /link?to=…, /redirect?to=…"""

    gateway = ""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", query["to"])
            self.end_headers()
            return
        pages = {"/site.js": (SCRIPT, "text/javascript"), "/site.css": (STYLE, "text/css")}
        body, kind = pages.get(address.path) or (self.html(address.path, query), "text/html; charset=utf-8")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header(
            "Content-Security-Policy",
            f"default-src 'none'; script-src 'self'; style-src 'self'; frame-src {self.gateway}",
        )
        self.end_headers()
        self.wfile.write(body.encode())

    def html(self, path: str, query: dict[str, str]) -> str:
        head = '<!doctype html><html lang="en"><title>A site</title><link rel="stylesheet" href="/site.css">'
        if path == "/link":
            return f'{head}<a href="{query["to"]}">Chat</a>'.replace("&", "&amp;")
        sandbox = f' sandbox="{query["sandbox"]}"' if "sandbox" in query else ""
        source = query.get("src", "").replace("&", "&amp;")
        return f'{head}<iframe title="Chat" src="{source}"{sandbox}></iframe><script src="/site.js"></script>'

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_site(gateway_url: str = "http://127.0.0.1:*") -> Iterator[str]:
    handler = type("SiteOfTest", (Site,), {"gateway": gateway_url})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        # Another host name than the gateway's: another site, not only another port.
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
