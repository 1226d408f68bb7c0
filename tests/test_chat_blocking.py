"""POST /v1/chat, blocking."""

from history.models import Conversation, Message
from tests.gateway import Gateway


def test_it_answers_and_keeps_the_turn(alice: Gateway) -> None:
    response = alice.say("What is a ledger?")

    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {"conversation_id", "message_id", "answer", "metadata", "created_at"}
    kept = Message.objects.get()
    assert (kept.query, kept.answer, kept.status) == ("What is a ledger?", answer["answer"], "answered")
    assert kept.conversation
    assert kept.conversation.conversation_id == answer["conversation_id"]
    assert kept.message_id == answer["message_id"]
    assert kept.tokens == answer["metadata"]["usage"]["total_tokens"]


def test_a_follow_up_stays_in_its_conversation(alice: Gateway) -> None:
    first = alice.say("One").json()
    second = alice.say("Two", conversation_id=first["conversation_id"]).json()

    assert second["conversation_id"] == first["conversation_id"]
    assert Conversation.objects.count() == 1
    assert Message.objects.filter(conversation__conversation_id=first["conversation_id"]).count() == 2
