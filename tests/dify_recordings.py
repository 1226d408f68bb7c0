"""What a real Dify sent: exchanges recorded with 0.15.3 and 1.13.2, one JSON file each, in fixtures/dify/.

recording = load("1.13.2", "a03_chat_streaming_first")
recording.status, recording.body, recording.headers["Content-Type"], recording.events()
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "fixtures" / "dify"
VERSIONS = ("0.15.3", "1.13.2")


@dataclass(frozen=True)
class Recording:
    version: str
    name: str
    note: str
    app: str | None  # which of the recorded apps, e.g. CHAT or CHATFLOW; None where the key was wrong
    request: dict[str, Any]  # method, path, query, headers, body
    response: dict[str, Any]  # status, headers, body, sse_chunks

    @property
    def status(self) -> int:
        return int(self.response["status"])

    @property
    def body(self) -> str:
        return self.response["body"] or ""

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.response["headers"])

    @property
    def at(self) -> int:
        """When it was over, in Unix seconds, by Dify's own clock."""
        began = parsedate_to_datetime(self.headers["Date"]).timestamp()
        return int(began + self.response["total_ms"] / 1000) + 1

    @property
    def chunks(self) -> list[tuple[float, str]]:
        """The pieces of the body as they arrived: milliseconds since the request, text."""
        return [(at, text) for at, text in self.response.get("sse_chunks") or []]

    @property
    def is_stream(self) -> bool:
        return self.headers.get("Content-Type", "").startswith("text/event-stream")

    def json(self) -> Any:
        return json.loads(self.body)

    def request_json(self) -> Any:
        """The body that was sent, or None where it was not JSON."""
        try:
            return json.loads(self.request["body"])
        except (TypeError, ValueError):
            return None

    def events(self) -> list[dict[str, Any]]:
        return parse_events(self.body)

    def first_event(self) -> dict[str, Any] | None:
        """The first that is not a ping."""
        beginning = "\n\n".join(self.body.split("\n\n", 5)[:5])
        return next((event for event in parse_events(beginning) if event["event"] != "ping"), None)

    def answer(self) -> str:
        said = (event["answer"] for event in self.events() if event["event"] in ("message", "agent_message"))
        return "".join(said)


def parse_events(body: str) -> list[dict[str, Any]]:
    """The events of a stream. A ping, which has no data, becomes {"event": "ping"}."""
    return [parse_event(block) for block in body.split("\n\n") if block.strip()]


def parse_event(block: str) -> dict[str, Any]:
    name, _, value = block.partition(": ")
    if name == "event":
        return {"event": value.strip()}
    assert name == "data", f"neither event nor data: {block!r}"
    event: dict[str, Any] = json.loads(value)
    return event


def collapsed(events: Iterable[dict[str, Any]]) -> list[str]:
    """The sequence of events, runs of one kind counted as one; the end of a workflow with its status."""
    return [name for name, _ in groupby(map(label, events))]


def label(event: dict[str, Any]) -> str:
    if event["event"] == "workflow_finished":
        return f"workflow_finished({event['data']['status']})"
    return str(event["event"])


@cache
def load(version: str, name: str) -> Recording:
    file = FIXTURES / version / f"{name}.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    return Recording(version, name, content["note"], content["app"], content["request"], content["response"])


def names(version: str) -> list[str]:
    return sorted(file.stem for file in (FIXTURES / version).glob("*.json"))


def all_recordings(version: str) -> list[Recording]:
    return [load(version, name) for name in names(version)]
