"""POST /v1/chat/{task_id}/stop."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chatproxy import turn
from dify.standin.server import StandIn
from history import recorder
from history.models import Message
from tenants.models import System
from tests.gateway import Gateway, events_of

LONG = "Go on [[long 200]] [[paced 20]]"


@contextmanager
def streaming(gateway: Gateway, message: str = LONG) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The task of an answer that has begun, and the rest of its stream."""
    response = gateway.say(message, response_mode="streaming")
    pieces = iter(response.streaming_content)
    task_id = task_in(pieces)
    wait_until_written_down(task_id)
    yield task_id, pieces
    response.close()
    turn.wait_for_running(10)


def task_in(pieces: Iterator[bytes]) -> str:
    begun = b""
    while b"task_id" not in begun:
        begun = next(pieces)
    line = next(line for line in begun.split(b"\n") if b"task_id" in line)
    return str(json.loads(line.removeprefix(b"data: "))["task_id"])


def wait_until_written_down(task_id: str) -> None:
    for _ in range(100):
        if Message.objects.filter(task_id=task_id).exists():
            return
        time.sleep(0.02)
    raise AssertionError("The ledger never heard of this task.")


def stop(gateway: Gateway, task_id: str) -> Any:
    return gateway.post(f"/v1/chat/{task_id}/stop")


@pytest.mark.parametrize("kind", ["chat", "chatflow", "agent"])
def test_a_stopped_stream_ends_with_message_end_and_keeps_what_was_said(
    alice: Gateway, drillquiz: System, kind: str
) -> None:
    drillquiz.dify_api_key = f"app-demo-{kind}"
    drillquiz.save()
    with streaming(alice) as (task_id, pieces):
        response = stop(alice, task_id)
        names = [event["event"] for event in events_of(b"".join(pieces))]

    kept = Message.objects.get()
    assert (response.status_code, response.json()) == (200, {"result": "success"})
    assert [name for name in names if name in ("message_end", "error")] == names[-1:] == ["message_end"]
    assert (kept.status, kept.error_code) == ("stopped", "")
    assert "단어0" in kept.answer
    assert "199" not in kept.answer


def test_it_can_be_stopped_as_soon_as_its_task_is_known(alice: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = recorder.keep_partial

    def keep_slowly(*arguments: Any) -> None:
        time.sleep(0.3)
        keep(*arguments)

    monkeypatch.setattr(recorder, "keep_partial", keep_slowly)
    response = alice.say("Go on [[long 50]] [[paced 20]]", response_mode="streaming")
    pieces = iter(response.streaming_content)
    stopped = stop(alice, task_in(pieces)).status_code
    response.close()

    assert stopped == 200


def test_a_blocking_caller_gets_what_was_said(alice: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task of a blocking turn is known from the ledger, once a partial answer was saved there."""
    monkeypatch.setattr(turn, "FIRST_FLUSH", 0.1)
    save = turn.Turn.save
    answers = []

    def save_and_stop(self: turn.Turn) -> None:
        save(self)
        answers.append(stop(alice, self.reply.task_id).status_code)

    monkeypatch.setattr(turn.Turn, "save", save_and_stop)
    answer = alice.say(LONG).json()["answer"]

    assert answers == [200]
    assert (Message.objects.get().status, Message.objects.get().answer) == ("stopped", answer)


def test_a_stop_reaches_dify_with_the_callers_name(alice: Gateway, dify: StandIn) -> None:
    with streaming(alice) as (task_id, _):
        stop(alice, task_id)

    told = dify.requests[-1]
    assert (told.path, told.json) == (f"/v1/chat-messages/{task_id}/stop", {"user": "drillquiz_alice"})


def test_nobody_else_can_stop_it(alice: Gateway, bob: Gateway, charlie: Gateway, dify: StandIn) -> None:
    with streaming(alice, "Go on [[long 20]] [[paced 20]]") as (task_id, _):
        dify.requests.clear()
        for other in (bob, charlie):
            response = stop(other, task_id)
            assert (response.status_code, response.json()["code"]) == (404, "not_found")

    assert not dify.requests
    assert Message.objects.get().status == "answered"


@pytest.mark.parametrize("task_id", [str(uuid.uuid4()), "not-a-uuid", "x" * 3000, "%00"])
def test_an_unknown_task_is_404(alice: Gateway, dify: StandIn, task_id: str) -> None:
    response = stop(alice, task_id)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert not dify.requests


def test_a_turn_that_is_over_cannot_be_stopped(alice: Gateway) -> None:
    task_id = alice.stream("Hello")[-1]["task_id"]

    assert stop(alice, task_id).status_code == 404
    assert Message.objects.get().status == "answered"


def test_stopping_twice_is_no_error(alice: Gateway) -> None:
    with streaming(alice) as (task_id, _):
        answers = [stop(alice, task_id).status_code for _ in range(2)]

    assert set(answers) <= {200, 404}
    assert answers[0] == 200
    assert Message.objects.get().status == "stopped"


def test_a_stop_that_cannot_reach_dify_is_an_error_and_the_turn_runs_on(alice: Gateway, drillquiz: System) -> None:
    with streaming(alice, "Go on [[long 20]] [[paced 20]]") as (task_id, _):
        drillquiz.dify_base_url = "http://127.0.0.1:1"
        drillquiz.save()
        response = stop(alice, task_id)

    assert (response.status_code, response.json()["code"]) == (502, "upstream_error")
    assert Message.objects.get().status == "answered"


def test_the_history_says_that_it_was_stopped(alice: Gateway) -> None:
    with streaming(alice) as (task_id, pieces):
        stop(alice, task_id)
        list(pieces)

    kept = Message.objects.get()
    assert kept.conversation
    answer = alice.get(f"/v1/conversations/{kept.conversation.conversation_id}/messages").json()[1]
    assert (answer["status"], answer["content"]) == ("stopped", kept.answer)
