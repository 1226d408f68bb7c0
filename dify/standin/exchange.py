"""One HTTP request as the stand-in sees it, and what it answers."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

JSON = "application/json"
HTML = "text/html; charset=utf-8"
EVENTS = "text/event-stream; charset=utf-8"

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class CutError(Exception):
    """The connection breaks here, on purpose."""


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes
    environ: Environ = field(repr=False)

    @property
    def is_json(self) -> bool:
        return self.content_type.partition(";")[0].strip().lower() == JSON

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def json(self) -> Any:
        """The body as JSON, or None: a convenience for tests, which look at what reached the stand-in."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def read(environ: Environ) -> Request:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
    headers["content-type"] = environ.get("CONTENT_TYPE") or ""
    upload = headers["content-type"].startswith("multipart/")
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        headers=headers,
        # An upload is parsed where it is wanted, piece by piece, and never held in memory.
        body=b"" if upload else environ["wsgi.input"].read(),
        environ=environ,
    )


@dataclass(slots=True)
class Response:
    status: int = 200
    body: bytes | Iterator[bytes] = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def send(self, start_response: StartResponse, always: Iterable[tuple[str, str]]) -> Iterable[bytes]:
        headers = [("Content-Type", self.content_type), *always, *self.headers]
        if isinstance(self.body, bytes):
            headers.append(("Content-Length", str(len(self.body))))
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", headers)
        return [self.body] if isinstance(self.body, bytes) else self.body


class RefusalError(Exception):
    """The request ends here, with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response
