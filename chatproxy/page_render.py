"""POST /chat/render: answers as safe HTML, for the chat page only. Not part of the public contract.

Stateless, and apart from POST /v1/chat: a turn never waits for its formatting.
"""

import time
from typing import IO, Any

import orjson
from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from history.markdown import rendered
from history.recorder import let_go_of_database
from tenants.authentication import TokenAuthentication
from tenants.calls import body_of
from tenants.errors import TooLarge

MAX_TEXTS = 200


class TextsParser(BaseParser):
    """Answers can be longer than any question, so the cap is that of answers, with room for JSON's escapes."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, list[str]]:
        limit = 2 * settings.DIFY_MAX_ANSWER_BYTES
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(limit)
        try:
            return {"texts": texts_in(orjson.loads(raw))}
        except orjson.JSONDecodeError:
            raise ParseError("The body is not valid JSON.") from None


def texts_in(body: Any) -> list[str]:
    texts = body.get("texts") if isinstance(body, dict) else None
    if not isinstance(texts, list) or len(texts) > MAX_TEXTS or not all(isinstance(text, str) for text in texts):
        raise ValidationError({"texts": [f"This must be a list of at most {MAX_TEXTS} strings."]})
    return texts


class RenderView(APIView):
    authentication_classes = [TokenAuthentication]
    parser_classes = [TextsParser]

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        let_go_of_database()
        html = [in_turn(text) for text in body_of(request)["texts"]]
        return Response({"html": html}, headers={"Cache-Control": "no-store"})


def in_turn(text: str) -> str:
    """Under gevent this is where other requests get their turn."""
    time.sleep(0)
    return rendered(text)
