"""What the gateway is compared with: the least that carries a turn to Dify. No users, no ledger, no promises."""

import os
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import requests

DIFY = os.environ["BENCH_DIFY_URL"]
HEADERS = {"Authorization": "Bearer app-demo-chat", "Content-Type": "application/json"}

session = requests.Session()
session.trust_env = False
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=512))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    asked = orjson.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
    mode = asked.get("response_mode", "blocking")
    body = {"query": asked.get("message", "?"), "inputs": {}, "user": "bench", "response_mode": mode}
    answer = session.post(f"{DIFY}/chat-messages", orjson.dumps(body), headers=HEADERS, stream=mode == "streaming")
    if mode == "blocking":
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer.content)))])
        return [answer.content]
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return iter(lambda: answer.raw.read1(65536), b"")
