"""GET /v1/conversations/{id}/messages while an answer is still being written."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatproxy import messages, turn
from dify.standin.server import StandIn
from history.models import Message
from tests.gateway import Gateway


def asked_and_left(gateway: Gateway, message: str, **more: Any) -> None:
    """A client that hangs up as soon as the answer has begun."""
    response = gateway.say(message, response_mode="streaming", **more)
    assert response.status_code == 200
    pieces = iter(response.streaming_content)
    while b"conversation_id" not in next(pieces):
        pass
    response.close()


def messages_of(gateway: Gateway, conversation_id: str) -> list[dict[str, Any]]:
    response = gateway.get(f"/v1/conversations/{conversation_id}/messages")
    assert response.status_code == 200
    return response.json()


def conversation() -> str:
    """Of the latest turn, which is written down a moment after the first event went out."""
    for _ in range(100):
        found = Message.objects.select_related("conversation").latest("id").conversation
        if found:
            return found.conversation_id
        time.sleep(0.05)
    raise AssertionError("The turn was given no conversation.")


def test_an_answer_that_still_runs_is_shown_as_far_as_it_has_come(
    alice: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "FIRST_FLUSH", 0.2)
    monkeypatch.setattr(messages, "running", set())  # another process has it
    asked_and_left(alice, "Take your time [[long 30]] [[paced 50]]")
    time.sleep(0.7)

    question, answer = messages_of(alice, conversation())

    assert question["content"].startswith("Take your time")
    assert (answer["role"], answer["status"]) == ("assistant", "pending")
    assert "word1" in answer["content"]
    assert answer["task_id"] == Message.objects.get().task_id != ""


def test_the_process_that_runs_it_shows_every_word(alice: Gateway) -> None:
    asked_and_left(alice, "Take your time [[long 30]] [[paced 50]]")
    shown = []
    for _ in range(3):
        shown.append(messages_of(alice, conversation())[-1]["content"])
        time.sleep(0.2)

    assert len(shown[0]) < len(shown[1]) < len(shown[2])


def test_it_is_pending_before_dify_has_named_it(alice: Gateway, dify: StandIn) -> None:
    first = alice.say("One").json()["conversation_id"]
    alice.say("Two [[slow 1]]", conversation_id=first, response_mode="streaming").close()

    found = messages_of(alice, first)

    assert [(message["content"], message["status"]) for message in found[2:]] == [
        ("Two [[slow 1]]", "answered"),
        ("", "pending"),
    ]


def test_a_new_conversation_is_pending_before_dify_has_named_it(alice: Gateway, dify: StandIn) -> None:
    alice.say("One [[slow 1.5]]", response_mode="streaming").close()
    begun = alice.get("/v1/conversations").json()[0]["id"]

    assert messages_of(alice, begun)[-1]["status"] == "pending"


def test_the_task_of_a_running_answer_stops_it(alice: Gateway) -> None:
    asked_and_left(alice, "Go on [[long 200]] [[paced 50]]")
    task_id = messages_of(alice, conversation())[-1]["task_id"]
    assert task_id

    assert alice.post(f"/v1/chat/{task_id}/stop").status_code == 200

    turn.wait_for_running(10)
    assert messages_of(alice, conversation())[-1]["task_id"] == ""
    assert Message.objects.get().status == "stopped"


def test_it_is_complete_once_the_turn_has_ended(alice: Gateway) -> None:
    asked_and_left(alice, "Take your time [[long 10]] [[paced 20]]")
    turn.wait_for_running(10)

    answer = messages_of(alice, conversation())[-1]

    assert (answer["status"], answer["task_id"]) == ("answered", "")
    assert answer["content"].endswith("단어9")


def test_a_turn_that_dify_does_not_list_yet_comes_last(alice: Gateway, dify: StandIn) -> None:
    first = alice.say("One").json()
    entry = Message.objects.get()
    Message.objects.create(
        system=entry.system,
        user_id="alice",
        conversation=entry.conversation,
        query="Two",
        created_at=timezone.now(),
    )

    found = messages_of(alice, first["conversation_id"])

    assert [message["content"] for message in found[0::2]] == ["One", "Two"]
    assert found[-1]["status"] == "pending"
    assert len({message["id"] for message in found}) == 4


def test_a_row_left_by_a_crash_is_not_shown_as_running(alice: Gateway) -> None:
    first = alice.say("One").json()
    entry = Message.objects.get()
    Message.objects.create(
        system=entry.system,
        user_id="alice",
        conversation=entry.conversation,
        query="Two",
        created_at=timezone.now() - timedelta(hours=1),
    )

    assert len(messages_of(alice, first["conversation_id"])) == 2


def test_a_running_answer_is_not_shown_on_older_pages(alice: Gateway) -> None:
    first = alice.say("One").json()
    time.sleep(1.1)  # Dify pages by whole seconds
    alice.say("Two", conversation_id=first["conversation_id"])
    asked_and_left(alice, "Three [[long 30]] [[paced 50]]", conversation_id=first["conversation_id"])
    second = Message.objects.order_by("id")[1].message_id

    older = alice.get(f"/v1/conversations/{first['conversation_id']}/messages", first_id=second).json()

    assert [message["content"] for message in older[0::2]] == ["One"]


def test_nobody_else_sees_it(alice: Gateway, bob: Gateway) -> None:
    asked_and_left(alice, "Take your time [[long 10]] [[paced 20]]")

    response = bob.get(f"/v1/conversations/{conversation()}/messages")

    assert response.status_code == 404
