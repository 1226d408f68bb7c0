"""POST /v1/messages/{id}/feedback and GET /v1/messages/{id}/suggested."""

import uuid
from typing import Any

import pytest

from dify.standin.server import StandIn
from history.models import Message
from tenants.models import System
from tests.gateway import Gateway


def said(gateway: Gateway) -> str:
    return str(gateway.say("Hello").json()["message_id"])


def rate(gateway: Gateway, message_id: str, **body: Any) -> Any:
    return gateway.post(f"/v1/messages/{message_id}/feedback", **body)


@pytest.mark.parametrize("rating", ["like", "dislike"])
def test_a_rating_reaches_dify_and_the_ledger(alice: Gateway, dify: StandIn, rating: str) -> None:
    message_id = said(alice)

    response = rate(alice, message_id, rating=rating, content="Because.")

    assert (response.status_code, response.json()) == (200, {"result": "success"})
    assert dify.requests[-1].json == {"user": "drillquiz_alice", "rating": rating, "content": "Because."}
    assert dify.store.messages[message_id].rating == Message.objects.get().feedback == rating


def test_a_rating_can_be_taken_back_twice(alice: Gateway, dify: StandIn) -> None:
    message_id = said(alice)
    rate(alice, message_id, rating="like")

    assert [rate(alice, message_id, rating=None).status_code for _ in range(2)] == [200, 200]
    assert dify.store.messages[message_id].rating is None
    assert Message.objects.get().feedback == ""


@pytest.mark.parametrize(
    "body", [{}, {"rating": "great"}, {"rating": 1}, {"rating": ["like"]}, {"rating": "like", "content": "x" * 10_001}]
)
def test_a_bad_rating_is_400_and_dify_is_not_asked(alice: Gateway, dify: StandIn, body: dict[str, Any]) -> None:
    message_id = said(alice)
    dify.requests.clear()

    response = rate(alice, message_id, **body)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert not dify.requests


def test_somebody_elses_message_can_be_neither_rated_nor_continued(
    alice: Gateway, bob: Gateway, charlie: Gateway, dify: StandIn
) -> None:
    message_id = said(alice)

    for other in (bob, charlie):
        assert rate(other, message_id, rating="dislike").status_code == 404
        assert rate(other, message_id, rating=None).status_code == 404
        assert other.get(f"/v1/messages/{message_id}/suggested").status_code == 404
    assert (dify.store.messages[message_id].rating, Message.objects.get().feedback) == (None, "")


@pytest.mark.parametrize("unknown", [str(uuid.uuid4()), "not-a-uuid", "x" * 3000])
def test_an_unknown_message_is_404(alice: Gateway, unknown: str) -> None:
    for response in (rate(alice, unknown, rating="like"), alice.get(f"/v1/messages/{unknown}/suggested")):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_rating_that_dify_did_not_get_is_not_kept(alice: Gateway, drillquiz: System) -> None:
    message_id = said(alice)
    drillquiz.dify_base_url = "http://127.0.0.1:1/v1"
    drillquiz.save()

    assert rate(alice, message_id, rating="like").status_code == 502
    assert Message.objects.get().feedback == ""


def test_suggestions_are_a_list_of_strings(alice: Gateway) -> None:
    suggested = alice.get(f"/v1/messages/{said(alice)}/suggested")

    assert suggested.status_code == 200
    assert suggested.json()[0] == "Tell me more"
    assert all(isinstance(text, str) for text in suggested.json())


def test_an_app_that_suggests_nothing_gives_an_empty_list(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_api_key = "app-demo-wrapped"
    drillquiz.save()

    suggested = alice.get(f"/v1/messages/{said(alice)}/suggested")

    assert (suggested.status_code, suggested.json()) == (200, [])
