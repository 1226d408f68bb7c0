"""Server-sent events as our clients get them: Dify's own, and the few that the gateway adds."""

from typing import Any

import orjson

from dify.errors import DifyError
from dify.reply import Reply

COMMENT = b": ping\n\n"


def relayed(raw: bytes) -> bytes:
    """An event exactly as Dify wrote it; a line break inside starts another data line."""
    return b"data: " + raw.replace(b"\n", b"\ndata: ") + b"\n\n"


def message_end(reply: Reply) -> bytes:
    """For turns that Dify ended without one: stopped ones, and those that wait for a person."""
    return relayed(
        orjson.dumps(
            {"event": "message_end", **ids(reply), "task_id": reply.task_id, "metadata": reply.metadata}
            | ({"paused": True} if reply.paused else {})
        )
    )


def error(reply: Reply, failure: DifyError) -> bytes:
    return relayed(orjson.dumps({"event": "error", **failure.shown, "status": failure.http_status, **ids(reply)}))


def ids(reply: Reply) -> dict[str, Any]:
    found = {"conversation_id": reply.conversation_id, "message_id": reply.message_id}
    return {name: value for name, value in found.items() if value}
