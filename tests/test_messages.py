"""GET /v1/conversations/{id}/messages. What is still being written: test_messages_running.py."""

import re
import uuid
from typing import Any

import pytest
from django.conf import LazySettings

from dify.standin.server import StandIn
from history.models import Conversation, Message
from tenants.models import System
from tests.gateway import Gateway


def begun(gateway: Gateway, message: str = "Hello", **more: Any) -> str:
    return str(gateway.say(message, **more).json()["conversation_id"])


def of(gateway: Gateway, conversation_id: str, **query: Any) -> Any:
    return gateway.get(f"/v1/conversations/{conversation_id}/messages", **query)


def long_conversation(gateway: Gateway, dify: StandIn, turns: int) -> str:
    """One turn through the gateway, those before it from a time before the gateway."""
    conversation_id = begun(gateway, f"Question {turns}")
    conversation = dify.store.conversations[conversation_id]
    for number in range(1, turns):
        dify.store.add_message(conversation, f"Question {number}", "Answer", created_at=1_700_000_000 + number)
    return conversation_id


def disconnect(system: System) -> None:
    system.dify_base_url = "http://127.0.0.1:1/v1"
    system.save()


def test_a_turn_is_two_messages_the_question_first(alice: Gateway) -> None:
    answer = alice.say("What is a ledger?").json()

    question, reply = of(alice, answer["conversation_id"]).json()

    assert (question["id"], reply["id"]) == (f"{answer['message_id']}_user", f"{answer['message_id']}_assistant")
    assert (question["role"], question["content"]) == ("user", "What is a ledger?")
    assert (reply["role"], reply["content"], reply["status"]) == ("assistant", answer["answer"], "answered")
    assert {question["conversation_id"], reply["conversation_id"]} == {answer["conversation_id"]}
    assert isinstance(reply["created_at"], int)


def test_it_is_in_the_order_it_was_said(alice: Gateway, dify: StandIn) -> None:
    conversation_id = long_conversation(alice, dify, 4)

    found = of(alice, conversation_id).json()

    assert [row["content"] for row in found[::2]] == [f"Question {number}" for number in (1, 2, 3, 4)]


def test_the_link_header_leads_to_older_pages(alice: Gateway, dify: StandIn) -> None:
    response = of(alice, long_conversation(alice, dify, 5), limit=2)
    pages = []
    while True:
        pages.append([row["content"] for row in response.json()[::2]])
        found = re.fullmatch(r'<http://testserver(.+)>; rel="next"', response.headers.get("Link", ""))
        if not found:
            break
        response = alice.client.get(found[1], headers=alice.headers)

    assert pages == [["Question 4", "Question 5"], ["Question 2", "Question 3"], ["Question 1"]]


def test_first_id_takes_the_ids_as_they_are_listed(alice: Gateway, dify: StandIn) -> None:
    conversation_id = long_conversation(alice, dify, 3)
    last = of(alice, conversation_id).json()[-1]

    by_row, by_message = (of(alice, conversation_id, first_id=id).json() for id in (last["id"], last["message_id"]))

    assert by_row == by_message
    assert [row["content"] for row in by_row[::2]] == ["Question 1", "Question 2"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"first_id": "x" * 65}])
def test_bad_paging_is_400(alice: Gateway, query: dict[str, Any]) -> None:
    response = of(alice, begun(alice), **query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("first_id", [str(uuid.uuid4()), "nonsense"])
def test_an_unknown_first_id_is_404(alice: Gateway, first_id: str) -> None:
    assert of(alice, begun(alice), first_id=first_id).status_code == 404


@pytest.mark.parametrize("known", [True, False], ids=["in the ledger", "older than the gateway"])
def test_somebody_elses_is_404(alice: Gateway, bob: Gateway, charlie: Gateway, known: bool) -> None:
    mine = begun(alice)
    if not known:
        Conversation.objects.all().delete()

    for other in (bob, charlie):
        response = of(other, mine)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("unknown", [str(uuid.uuid4()), "not-a-uuid", "x" * 3000])
def test_an_unknown_conversation_is_404(alice: Gateway, unknown: str) -> None:
    assert of(alice, unknown).status_code == 404


def test_it_is_served_from_the_ledger_when_dify_is_down(
    alice: Gateway, bob: Gateway, charlie: Gateway, drillquiz: System, cointutor: System
) -> None:
    mine = begun(alice, "Hello [[sources]]")
    live = of(alice, mine).json()
    disconnect(drillquiz)
    disconnect(cointutor)

    response = of(alice, mine)

    assert (response.status_code, response["X-Gateway-Source"]) == (200, "cache")
    assert [(row["id"], row["content"]) for row in response.json()] == [(row["id"], row["content"]) for row in live]
    assert response.json()[1]["citations"] == live[1]["citations"] != []
    assert (of(bob, mine).status_code, of(charlie, mine).status_code) == (404, 404)


def test_the_ledger_is_paged_like_dify(alice: Gateway, drillquiz: System) -> None:
    mine = begun(alice, "One")
    begun(alice, "Two", conversation_id=mine)
    begun(alice, "Three", conversation_id=mine)
    disconnect(drillquiz)

    newest = of(alice, mine, limit=2)
    older = of(alice, mine, limit=2, first_id=newest.json()[0]["message_id"])

    assert [row["content"] for row in newest.json()[::2]] == ["Two", "Three"]
    assert [row["content"] for row in older.json()[::2]] == ["One"]
    assert (newest.has_header("Link"), older.has_header("Link")) == (True, False)


def test_a_failed_turn_shows_what_was_said_until_then(alice: Gateway) -> None:
    """Dify stores an answer that failed midway as an empty one."""
    alice.say("Say [[long 20]] [[failed]]")
    mine = Conversation.objects.get().conversation_id

    reply = of(alice, mine).json()[1]

    assert reply["status"] == "failed"
    assert reply["content"] == Message.objects.get().answer != ""


def test_a_turn_that_timed_out_shows_what_was_said_until_then(alice: Gateway, settings: LazySettings) -> None:
    settings.DIFY_IDLE_TIMEOUT = 0.3
    alice.say("Say [[long 20]] [[silence 9]]")

    reply = of(alice, Conversation.objects.get().conversation_id).json()[1]

    assert "word1" in reply["content"]


def test_feedback_is_shown_with_the_answer(alice: Gateway) -> None:
    answer = alice.say("Hello").json()
    alice.post(f"/v1/messages/{answer['message_id']}/feedback", rating="like")

    question, reply = of(alice, answer["conversation_id"]).json()

    assert (question["feedback"], reply["feedback"]) == (None, "like")
