"""Dify's Service API as methods. One object per Dify app; every method may raise a DifyError.

Shapes and quirks are from docs/dify.md, which says how real servers behave.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

import orjson
from django.conf import settings

from dify.addresses import service_url
from dify.errors import DifyBroken, DifyError, DifyInvalid, DifyMissing, DifyMoved, DifyRefused, DifyTooLarge
from dify.exchange import Exchange
from dify.sse import Event, EventReader

JSONObject = dict[str, Any]


class DifyClient:
    def __init__(self, base_url: str, api_key: str) -> None:
        self._root = service_url(base_url)
        # Headers are Latin-1: written so, any key can be sent, and be refused.
        self._authorization = f"Bearer {api_key}".encode().decode("latin-1")

    def chat(self, body: JSONObject) -> "ChatStream":
        """Sends one message, always in streaming mode, and returns once Dify accepted it."""
        exchange = self._exchange(
            "POST",
            "/chat-messages",
            idle=settings.DIFY_IDLE_TIMEOUT,
            total=settings.DIFY_TOTAL_TIMEOUT,
            body={**body, "response_mode": "streaming"},
        )
        if exchange.status != 200 or exchange.media_type != "text/event-stream":
            raise refusal(exchange, DifyRefused)
        return ChatStream(exchange)

    def stop(self, task_id: str, user: str) -> None:
        """Dify answers success to anything, and ends the stream only if the task is this user's."""
        self._call("POST", f"/chat-messages/{task_id}/stop", body={"user": user})

    def conversations(self, user: str, *, limit: int, last_id: str = "", sort_by: str = "-updated_at") -> JSONObject:
        """{"data": [...], "has_more", "limit", "dropped": how many had no id}, newest first by default."""
        query = {"user": user, "limit": limit, "last_id": last_id, "sort_by": sort_by}
        return self._page("/conversations", query)

    def messages(self, user: str, conversation_id: str, *, limit: int, first_id: str = "") -> JSONObject:
        """{"data": [...], "has_more", "limit"}: the newest page, or the one before `first_id`; ascending inside."""
        query = {"user": user, "conversation_id": conversation_id, "limit": limit, "first_id": first_id}
        return self._page("/messages", query)

    def rename(self, user: str, conversation_id: str, *, name: str = "", auto_generate: bool = False) -> JSONObject:
        body = {"user": user, "auto_generate": auto_generate} | ({"name": name} if name else {})
        return self._call("POST", f"/conversations/{conversation_id}/name", body=body)

    def delete(self, user: str, conversation_id: str) -> None:
        self._call("DELETE", f"/conversations/{conversation_id}", body={"user": user})

    def rate(self, user: str, message_id: str, rating: str | None, content: str = "") -> None:
        """`rating` is like, dislike, or None to take it back."""
        body = {"user": user, "rating": rating} | ({"content": content} if content else {})
        self._call("POST", f"/messages/{message_id}/feedbacks", body=body)

    def suggested(self, user: str, message_id: str) -> list[str]:
        found = self._call("GET", f"/messages/{message_id}/suggested", params={"user": user}).get("data")
        return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []

    def parameters(self) -> JSONObject:
        return self._call("GET", "/parameters")

    def info(self) -> JSONObject:
        return self._call("GET", "/info")

    def upload(self, user: str, name: str, content: IO[bytes], media_type: str) -> JSONObject:
        return self._call("POST", "/files/upload", data={"user": user}, files={"file": (name, content, media_type)})

    def _page(self, path: str, query: JSONObject) -> JSONObject:
        page = self._call("GET", path, params={name: value for name, value in query.items() if value != ""})
        if not isinstance(page.get("data"), list):
            raise DifyBroken
        rows = [row for row in page["data"] if isinstance(row, dict) and row.get("id")]
        return page | {"data": rows, "dropped": len(page["data"]) - len(rows)}

    def _call(self, method: str, path: str, **request: Any) -> JSONObject:
        timeout = settings.DIFY_READ_TIMEOUT
        exchange = self._exchange(method, path, idle=timeout, total=timeout, **request)
        if exchange.status == 204:
            exchange.close()
            return {}
        if not 200 <= exchange.status < 300:
            raise refusal(exchange, DifyInvalid if exchange.status == 400 else DifyRefused)
        answer = exchange.json()
        if not isinstance(answer, dict):
            raise DifyBroken(status=exchange.status)
        return answer

    def _exchange(self, method: str, path: str, *, body: JSONObject | None = None, **request: Any) -> Exchange:
        headers = {"Authorization": self._authorization}
        if body is not None:
            headers["Content-Type"] = "application/json"
            request["data"] = orjson.dumps(body)
        return Exchange(method, self._root + path, headers=headers, **request)


class ChatStream:
    """Dify's answer to one message, event by event. Read it to its end: a Dify that is left stores an empty answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def events(self) -> Iterator[tuple[JSONObject, bytes]]:
        """(event, its JSON as Dify sent it); a ping is ({"event": "ping"}, b""). Data that is no object is skipped."""
        reader = EventReader()
        for piece in self._exchange.pieces():
            yield from map(parsed, reader.feed(piece))
        yield from map(parsed, reader.end())

    def hurry(self, seconds: float) -> None:
        self._exchange.hurry(seconds)

    def close(self) -> None:
        self._exchange.close()


def parsed(event: Event) -> tuple[JSONObject, bytes]:
    raw = event.data
    try:
        data = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raw = mended(raw)
        data = orjson.loads(raw) if raw else None
    if not isinstance(data, dict):
        return {"event": ""}, b""
    if not isinstance(data.setdefault("event", event.name), str):
        data["event"] = ""
    return data, raw


def mended(raw: bytes) -> bytes:
    """JSON with broken UTF-8 or half a surrogate pair, made whole with replacement marks; empty if it is no JSON."""
    try:
        return json.dumps(json.loads(raw.decode(errors="replace")), ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        return b""


def refusal(exchange: Exchange, default: type[DifyRefused]) -> DifyError:
    """The typed error for an answer that is none. Only status and code are believed, never the message."""
    status = exchange.status
    if location := exchange.location:
        return DifyMoved(location, status=status)
    try:
        body = exchange.json()
    except DifyBroken:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        return DifyTooLarge(status=status) if status == 413 else DifyBroken(status=status)
    kind = {404: DifyMissing, 413: DifyTooLarge}.get(status, default)
    return kind(code=body["code"], status=status, message=str(body.get("message", "")))
