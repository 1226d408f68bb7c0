"""The request that a turn becomes, as it stands on the wire to Dify."""

import json
from typing import Any

import pytest
import responses
from responses.matchers import header_matcher, json_params_matcher

from dify.standin.server import StandIn
from tenants.models import System
from tests.gateway import Gateway

INPUTS = {"language": "ko", "level": 3, "nested": {"names": ["앨리스", None, True]}}
ENDED = {"event": "message_end", "conversation_id": "c", "message_id": "m", "task_id": "t", "metadata": {}}


@pytest.fixture
def wire() -> responses.RequestsMock:
    return responses.RequestsMock(assert_all_requests_are_fired=True)


@pytest.mark.parametrize("response_mode", ["blocking", "streaming"])
def test_a_turn_is_always_asked_for_as_a_stream_with_the_users_inputs_untouched(
    alice: Gateway, dify: StandIn, wire: responses.RequestsMock, response_mode: str
) -> None:
    body: dict[str, Any] = {
        "query": "안녕\u2028하세요? 😀",
        "inputs": INPUTS,
        "user": "drillquiz_alice",
        "files": [],
        "response_mode": "streaming",
    }
    with wire:
        wire.post(
            f"{dify.url}/chat-messages",
            body=f"data: {json.dumps(ENDED)}\n\n",
            content_type="text/event-stream",
            match=[header_matcher({"Authorization": "Bearer app-demo-chat"}), json_params_matcher(body)],
        )
        response = alice.say(body["query"], inputs=INPUTS, response_mode=response_mode)
        b"".join(response)

    assert response.status_code == 200


def test_dify_knows_the_users_of_a_system_that_had_another_id_by_that(
    alice: Gateway, drillquiz: System, dify: StandIn
) -> None:
    drillquiz.dify_user_prefix = "Drill_Quiz"
    drillquiz.save()
    assert alice.say("Hello").status_code == 200
    assert [json.loads(request.body)["user"] for request in dify.requests if request.method == "POST"] == [
        "Drill_Quiz_alice"
    ]
