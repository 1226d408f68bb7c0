"""The stand-in against the recordings: every recorded request is sent again, and the answer has to look the same.

The same are: status, content type, the headers that tell the version, the shape of the body (its keys and their JSON
types, all the way down), an error's code and message, the rows of a list, and in a stream the sequence of events and
the shape of each. Each recording finds the state it was recorded in, rebuilt from the ids in all of them.
"""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from dify.standin import App, Input, StandIn, Tempo, running_standin
from dify.standin.store import Conversation, Store
from tests.dify_recordings import VERSIONS, Recording, all_recordings, collapsed, load, names, parse_events

# A hundred times faster than life, pings included. Only those who waited for pings get any: at this speed the
# stand-in's own work would look like minutes.
PINGING = Tempo(silence=1, linger=0, title=0, speed=100)
TEMPO = replace(PINGING, ping=10_000)
STOPPING = replace(TEMPO, speed=10)  # so that the stop comes in time
LANGUAGE = (Input("language", "language"),)
REQUIRED = (Input("language", "Language", required=True), Input("tone", "Tone", options=("formal", "casual")))
OPENING, QUESTIONS = "안녕하세요! 무엇을 도와드릴까요?", ("Dify가 뭐야?", "What can you do?")
APPS = {
    "CHAT": App("chat-main", "chat", OPENING, QUESTIONS, True, LANGUAGE, takes_images=True),
    "CHATFLOW": App("chatflow-main", "advanced-chat", "Chatflow opening", (), True, LANGUAGE),
    "CHATFLOW_WRAP": App("chatflow-wrapped", "advanced-chat", inputs=LANGUAGE, before="시작: ", after=" :끝"),
    "AGENT": App("agent", "agent-chat"),
    "COMPLETION": App("completion", "completion"),
    "CHAT_APIOFF": App("chat-off", enabled=False),
    "CHAT_NOCRED": App("chat-nocred", has_credentials=False),
    "CHAT_REQINPUT": App("chat-required", inputs=REQUIRED, takes_images=True),
}
# (field name, file name, content type, megabytes or 0 for a pixel) of the uploads recorded as "<binary N bytes>"
UPLOADS = {
    "h10_file_upload_png": [("user", "filer"), ("file", "pixel 한글.png", 70)],
    "h18_file_upload_two": [("user", "filer"), ("file", "a.png", 70), ("file", "b.png", 70)],
    "h19_file_upload_no_user": [("file", "a.png", 70)],
    "h20_file_upload_11MB_png": [("user", "filer"), ("file", "big.png", 11 * 1024 * 1024)],
    "h21_file_upload_17MB_png": [("user", "filer"), ("file", "big.png", 17 * 1024 * 1024)],
}


@pytest.fixture(scope="module")
def standins() -> Iterator[dict[str, StandIn]]:
    with running_standin("0.15.3", apps=APPS, tempo=TEMPO) as old, running_standin("1.13.2", apps=APPS) as new:
        yield {"0.15.3": old, "1.13.2": new}


@pytest.fixture
def standin(standins: dict[str, StandIn], recording: Recording) -> StandIn:
    found = standins[recording.version]
    found.world.store = state_before(recording)
    found.world.tempo = {"c0": STOPPING, "c1": PINGING}.get(recording.name[:2], TEMPO)
    return found


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Recording:
    return load(*request.param)


EVERYTHING = [(version, name) for version in VERSIONS for name in names(version)]
STREAMS = [(v, n) for v, n in EVERYTHING if load(v, n).is_stream]
LISTS = [(v, n) for v, n in EVERYTHING if '"has_more"' in load(v, n).body]


def named(parameter: tuple[str, str]) -> str:
    return "-".join(parameter)


# The tests ----------------------------------------------------------------------------------------------------


def test_there_is_something_to_replay():
    assert len(EVERYTHING) > 360
    assert len(STREAMS) > 50
    assert len(LISTS) > 50


@pytest.mark.parametrize("recording", EVERYTHING, ids=named, indirect=True)
def test_it_answers_as_recorded(standin: StandIn, recording: Recording):
    status, headers, body = replayed(standin, recording)
    assert status == recording.status
    assert {name: headers.get(name) for name in TELLING} == {name: recording.headers.get(name) for name in TELLING}
    if recording.is_stream:
        assert collapsed(parse_events(body)) == collapsed(recording.events())
        assert stream_shapes(body) == stream_shapes(recording.body)
    elif recording.body and headers["Content-Type"].startswith("application/json"):
        assert shape(json.loads(body)) == shape(recording.json())
        assert complaint(json.loads(body)) == complaint(recording.json())
    else:
        assert body == recording.body


@pytest.mark.parametrize("recording", LISTS, ids=named, indirect=True)
def test_it_lists_the_recorded_rows_in_the_recorded_order(standin: StandIn, recording: Recording):
    listed = json.loads(replayed(standin, recording)[2])
    # Rows of the same second come in whatever order the database likes.
    assert [sorted_by(row) for row in listed["data"]] == [sorted_by(row) for row in recording.json()["data"]]
    assert {row["id"] for row in listed["data"]} == {row["id"] for row in recording.json()["data"]}
    assert listed["has_more"] == recording.json()["has_more"]
    assert listed["limit"] == recording.json()["limit"]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_writes_json_as_recorded_down_to_the_spaces(standins: dict[str, StandIn], version: str):
    recording = load(version, "e01_messages_default")
    standins[version].world.store = state_before(recording)
    assert replayed(standins[version], recording)[2] == recording.body


# Sending it again ---------------------------------------------------------------------------------------------

TELLING = ("Content-Type", "X-Version", "WWW-Authenticate", "Allow")


def replayed(standin: StandIn, recording: Recording) -> tuple[int, dict[str, str], str]:
    request = recording.request
    url = standin.url.removesuffix("/v1") + request["path"]
    headers = {name: value for name, value in request["headers"].items() if name != "Host"}
    if "Bearer" in headers.get("Authorization", ""):
        headers["Authorization"] = f"Bearer {recording.app or 'app-nobody'}"
    body: Any = UPLOADS.get(recording.name, request["body"])
    data = multipart(body) if isinstance(body, list) else body.encode() if body else body
    with requests.request(
        request["method"], url, params=request["query"], headers=headers, data=data, stream=True, timeout=20
    ) as response:
        stopping = threading.Thread(target=stop_it, args=(standin, recording))
        stopping.start()
        text = response.content.decode()
        stopping.join()
    return response.status_code, dict(response.headers), text


def stop_it(standin: StandIn, recording: Recording) -> None:
    """The recorded stop of a recorded stream, with the task id it has this time."""
    if not recording.is_stream or f"{recording.name}_stop_call" not in names(recording.version):
        return
    call = load(recording.version, f"{recording.name}_stop_call")
    for task_id in list(standin.world.running):
        requests.post(
            f"{standin.url}/chat-messages/{task_id}/stop",
            json=call.request_json(),
            headers={"Authorization": f"Bearer {call.app}"},
            timeout=5,
        )


def multipart(parts: list[tuple]) -> bytes:
    lines = b""
    for name, value, *size in parts:
        lines += f'------difyrec\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if size:
            lines += f'; filename="{value}"\r\nContent-Type: image/png\r\n\r\n'.encode() + b"x" * size[0] + b"\r\n"
        else:
            lines += f"\r\n\r\n{value}\r\n".encode()
    return lines + b"------difyrec--\r\n"


# The state it was recorded in ---------------------------------------------------------------------------------


def state_before(recording: Recording) -> Store:
    store = Store()
    for other in all_recordings(recording.version):
        remember(store, other, until=recording.at)
    for row in [] if recording.is_stream else rows(recording):
        if row["id"] in store.messages:
            store.messages[row["id"]].rating = (row["feedback"] or {}).get("rating")
    if recording.name.startswith("d25") and recording.json()["has_more"]:  # what followed was never asked for
        store.add_conversation(APPS["CHATFLOW"].id, recording.request["query"]["user"], created_at=1)
    id = recording.request["path"].split("/")[3:4]
    if recording.name.startswith("f05"):
        store.messages[id[0]].rating = "dislike"
    if recording.name.startswith("g25"):
        store.delete(store.conversations[id[0]])
    return store


def remember(store: Store, recording: Recording, until: int) -> None:
    """What existed by then, as far as this recording tells."""
    if recording.app is None or recording.status not in (200, 201):
        return
    if recording.name.startswith(("h10", "h11")):
        remember_upload(store, recording)
    for row in rows(recording):
        if row["created_at"] <= until:
            remember_row(store, recording, row)
    if recording.request["path"] == "/v1/chat-messages" and recording.request_json():
        remember_turn(store, recording, until)


def sorted_by(row: dict) -> int:
    return row.get("updated_at", row["created_at"])


def rows(recording: Recording) -> list[dict]:
    is_list = recording.request["method"] == "GET" and recording.request["path"] in (
        "/v1/conversations",
        "/v1/messages",
    )
    found = recording.json().get("data", []) if is_list else []
    return sorted(found, key=lambda row: row["created_at"])


def remember_upload(store: Store, recording: Recording) -> None:
    if recording.name.startswith("h10"):
        row = recording.json()
        store.add_upload(row["name"], row["size"], row["mime_type"], row["created_by"], id=row["id"])


def remember_row(store: Store, recording: Recording, row: dict) -> None:
    user = recording.request["query"]["user"]
    if "query" not in row:
        conversation = the_conversation(store, recording, user, row["id"], row)
        conversation.name, conversation.updated_at = row["name"], row["updated_at"]
        return
    conversation = the_conversation(store, recording, user, row["conversation_id"], row)
    if row["id"] not in store.messages:
        known = {"id": row["id"], "created_at": row["created_at"]}
        message = store.add_message(conversation, row["query"], row["answer"], **known)
        message.status, message.error = row["status"], row["error"]


def remember_turn(store: Store, recording: Recording, until: int) -> None:
    told = recording.first_event() if recording.is_stream else recording.json()
    if told and told["message_id"] not in store.messages and told["created_at"] <= until:
        asked = recording.request_json()
        conversation = the_conversation(store, recording, str(asked["user"]), told["conversation_id"], told)
        known = {"id": told["message_id"], "created_at": told["created_at"]}
        store.add_message(conversation, str(asked["query"]), "…", **known)


def the_conversation(store: Store, recording: Recording, user: str, id: str, row: dict) -> Conversation:
    known = store.conversations.get(id)
    if known:
        return known
    assert recording.app
    inputs = row.get("inputs", {"language": None})
    return store.add_conversation(APPS[recording.app].id, user, inputs, id=id, created_at=row["created_at"])


# Comparing ----------------------------------------------------------------------------------------------------


def shape(value: object) -> object:
    """Keys and JSON types, all the way down; of a list, the different shapes in it."""
    if isinstance(value, dict):
        return {key: shape(value[key]) for key in value}
    if isinstance(value, list):
        return sorted({json.dumps(shape(item), sort_keys=True) for item in value})
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def stream_shapes(body: str) -> dict[str, list]:
    """The different shapes of each kind of event; of a node's, of each node."""
    shapes: dict[str, set[str]] = {}
    for event in parse_events(body):
        kind = event["event"] + "/" + str(event.get("data", {}).get("node_type", ""))
        shapes.setdefault(kind, set()).add(json.dumps(shape(event), sort_keys=True))
    return {kind: sorted(found) for kind, found in shapes.items()}


def complaint(body: object) -> tuple[str, str, str] | None:
    """An error's code, message and field, without what differs from one request to the next."""
    if not isinstance(body, dict) or "code" not in body:
        return None
    message = re.sub(r"input_value=.*?, input_type=\w+", "input_value=…", body["message"], flags=re.DOTALL)
    return body["code"], re.sub(r"req_id: \w+", "req_id: …", message), body.get("params", "")
