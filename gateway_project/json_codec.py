"""JSON in and out of the API: strict, fast, and the only format there is."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from tenants.errors import TooLarge

MAX_DEPTH = 64


class JSONParser(BaseParser):
    """Reads an object of at most CHAT_MAX_BODY_BYTES. What a database or Dify would choke on is refused here."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        raw = stream.read(settings.CHAT_MAX_BODY_BYTES + 1)
        if len(raw) > settings.CHAT_MAX_BODY_BYTES:
            raise TooLarge(settings.CHAT_MAX_BODY_BYTES)
        return parsed_object(raw)


def parsed_object(raw: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ParseError(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    if not isinstance(data, dict):
        raise ParseError("The body must be a JSON object.")
    if b"\\u0000" in raw or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        refuse_unusual(data, MAX_DEPTH)
    return data


def refuse_unusual(value: Any, depth: int) -> None:
    """Raises ParseError for NUL characters and for nesting deeper than `depth`."""
    if depth == 0:
        raise ParseError(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, str) and "\0" in value:
        raise ParseError("The body contains a NUL character.")
    if isinstance(value, dict):
        refuse_unusual(list(value), depth)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            refuse_unusual(item, depth - 1)


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        # DRF names the entries of a list that are wrong by number, and JSON has only text for names.
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)


class AlwaysJSON(BaseContentNegotiation):
    """Whatever a client says it accepts, it gets JSON: an error in a format nobody can read helps nobody."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def plain(value: Mapping[str, Any]) -> bytes:
    """One JSON object as bytes, for answers made outside of DRF."""
    return orjson.dumps(value)
