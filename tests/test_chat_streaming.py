"""POST /v1/chat, streaming: Dify's events in Dify's shape, and exactly one end, whatever goes wrong."""

import time
from typing import Any

import pytest
from django.conf import LazySettings

from chatproxy import turn
from dify.standin.server import StandIn, running_standin
from dify.standin.turns import Turn
from history.models import Conversation, Message
from tenants.models import System
from tests.gateway import Gateway, events_of

TERMINAL = ("message_end", "error")


def use_app(system: System, kind: str, url: str = "") -> None:
    system.dify_api_key = f"app-demo-{kind}"
    system.dify_base_url = url or system.dify_base_url
    system.save()


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["answer"] for event in events if event["event"] == "message")


def the_one_end(events: list[dict[str, Any]]) -> dict[str, Any]:
    names = [event["event"] for event in events]
    assert [name for name in names if name in TERMINAL] == names[-1:], names
    return events[-1]


def test_it_relays_the_answer_and_keeps_the_turn(alice: Gateway) -> None:
    events = alice.stream("What is a ledger?")

    end = the_one_end(events)
    kept = Message.objects.get()
    assert {event["event"] for event in events} == {"message", "message_end"}
    assert (kept.query, kept.answer, kept.status) == ("What is a ledger?", text_of(events), "answered")
    assert (kept.message_id, kept.task_id) == (end["message_id"], end["task_id"])
    assert kept.tokens == end["metadata"]["usage"]["total_tokens"]


def test_it_is_an_event_stream_that_no_proxy_holds_back(alice: Gateway) -> None:
    response = alice.say("Hello", response_mode="streaming")

    assert response["Content-Type"] == "text/event-stream; charset=utf-8"
    assert (response["Cache-Control"], response["X-Accel-Buffering"]) == ("no-store", "no")
    assert next(iter(response.streaming_content)).startswith(b": ")
    response.close()


def test_the_accept_header_asks_for_a_stream_too(alice: Gateway) -> None:
    alice.headers = {**alice.headers, "Accept": "text/event-stream"}

    assert alice.say("Hello").streaming
    assert not alice.say("Hello", response_mode="blocking").streaming


def test_the_first_byte_comes_within_a_second_however_slow_dify_is(alice: Gateway) -> None:
    begun = time.monotonic()
    response = alice.say("Hello [[slow 1.5]]", response_mode="streaming")
    first = next(iter(response.streaming_content))

    assert time.monotonic() - begun < 1.3
    assert first.startswith(b": ")
    assert the_one_end(events_of(b"".join(response.streaming_content)))["event"] == "message_end"


def test_dify_is_always_asked_for_a_stream(alice: Gateway, dify: StandIn) -> None:
    alice.say("Hello")
    alice.stream("Hello")

    assert [request.json["response_mode"] for request in dify.requests] == ["streaming", "streaming"]


def test_a_follow_up_stays_in_its_conversation(alice: Gateway) -> None:
    first = alice.stream("One")[-1]["conversation_id"]

    assert alice.stream("Two", conversation_id=first)[-1]["conversation_id"] == first
    assert Conversation.objects.get().messages.count() == 2


def test_inputs_travel_untouched(alice: Gateway, dify: StandIn) -> None:
    inputs = {"language": "ko-KR", "나이": 7, "nested": {"a": [1, None, " x "]}, "empty": ""}
    alice.say("Hello", inputs=inputs)

    assert dify.requests[-1].json["inputs"] == inputs


def test_a_message_travels_untouched(alice: Gateway, dify: StandIn) -> None:
    alice.say("  two\u2028lines 🤔\r\n ")

    assert dify.requests[-1].json["query"] == Message.objects.get().query == "  two\u2028lines 🤔\r\n "


def test_dify_knows_the_user_by_system_and_user_id(alice: Gateway, bob: Gateway, dify: StandIn) -> None:
    alice.say("Hello")
    bob.say("Hello")

    assert [request.json["user"] for request in dify.requests] == ["drillquiz_alice", "drillquiz_bob"]


def test_long_user_ids_reach_dify_in_a_length_it_accepts_and_stay_apart(alice: Gateway, dify: StandIn) -> None:
    for user_id in ("x" * 256, "x" * 255 + "y"):
        alice.identity = {"user_id": user_id}
        assert alice.say("Hello").status_code == 200

    users = [request.json["user"] for request in dify.requests]
    assert len(set(users)) == 2
    assert all(user.startswith("drillquiz_") and len(user) <= 255 for user in users)
    assert set(Message.objects.values_list("user_id", flat=True)) == {"x" * 256, "x" * 255 + "y"}


@pytest.mark.parametrize(
    ("word", "status", "dify_code"),
    [
        ("401", 502, "invalid_param"),
        ("busy", 502, "invalid_param"),
        ("http 500", 502, "unknown"),
        ("http 403", 502, "forbidden"),
        ("html", 502, None),
        ("drop", 502, None),
    ],
)
@pytest.mark.parametrize("mode", ["blocking", "streaming"])
def test_a_failure_before_the_first_byte_is_plain_json(
    alice: Gateway, word: str, status: int, dify_code: str | None, mode: str
) -> None:
    response = alice.say(f"Hello [[{word}]]", response_mode=mode)

    answer = response.json()
    assert (response.status_code, answer["code"], answer.get("dify_code")) == (status, "upstream_error", dify_code)
    assert response["Content-Type"] == "application/json"
    kept = Message.objects.get()
    assert (kept.query, kept.status) == (f"Hello [[{word}]]", "failed")
    assert kept.error_code == (dify_code or "upstream_error")


def test_an_unreachable_dify_is_plain_json(alice: Gateway, drillquiz: System) -> None:
    use_app(drillquiz, "chat", "http://127.0.0.1:1/v1")

    for mode in ("blocking", "streaming"):
        response = alice.say("Hello", response_mode=mode)
        assert (response.status_code, response.json()["code"]) == (502, "upstream_error")
    assert set(Message.objects.values_list("status", flat=True)) == {"failed"}


def test_a_system_without_dify_is_not_configured_and_nothing_is_recorded(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_base_url = ""
    drillquiz.save()

    response = alice.say("Hello", response_mode="streaming")

    assert (response.status_code, response.json()["code"]) == (503, "not_configured")
    assert not Message.objects.exists()


def test_a_failure_after_the_first_byte_is_an_error_event(alice: Gateway) -> None:
    events = alice.stream("Hello [[slow 1.2]] [[429]]")

    end = the_one_end(events)
    assert (end["event"], end["code"], end["status"]) == ("error", "upstream_error", 502)
    assert end["dify_code"] == "invalid_param"
    assert {"conversation_id", "message_id"} <= set(end)
    assert "provider" not in end["detail"].lower()


def test_silence_ends_the_stream_with_a_timeout(alice: Gateway, dify: StandIn, settings: LazySettings) -> None:
    settings.DIFY_IDLE_TIMEOUT = 0.4
    events = alice.stream("Say [[long 20]] [[silence 9]]")

    end = the_one_end(events)
    kept = Message.objects.get()
    assert (end["event"], end["code"], end["status"]) == ("error", "upstream_timeout", 504)
    assert (kept.status, kept.error_code) == ("failed", "upstream_timeout")
    assert kept.answer == text_of(events) != ""
    assert dify.requests[-1].path == f"/v1/chat-messages/{kept.task_id}/stop"


@pytest.mark.parametrize("word", ["silence 9", "slow 9"])
def test_silence_is_a_504_for_a_blocking_caller(alice: Gateway, settings: LazySettings, word: str) -> None:
    settings.DIFY_IDLE_TIMEOUT = 0.3
    response = alice.say(f"Say [[long 20]] [[{word}]]")

    assert (response.status_code, response.json()["code"]) == (504, "upstream_timeout")


def test_silence_before_the_first_byte_is_a_plain_504(alice: Gateway, settings: LazySettings) -> None:
    settings.DIFY_IDLE_TIMEOUT = 0.3
    response = alice.say("Say [[slow 9]]", response_mode="streaming")

    assert (response.status_code, response.json()["code"]) == (504, "upstream_timeout")


def test_a_turn_that_takes_too_long_in_all_ends(alice: Gateway, settings: LazySettings) -> None:
    settings.DIFY_TOTAL_TIMEOUT = 0.6
    events = alice.stream("Say [[long 200]] [[paced 30]]")

    assert the_one_end(events)["code"] == "upstream_timeout"
    assert Message.objects.get().answer == text_of(events) != ""


def test_pings_do_not_outlive_the_total_timeout(alice: Gateway, dify: StandIn, settings: LazySettings) -> None:
    settings.DIFY_TOTAL_TIMEOUT = 1.2
    settings.DIFY_IDLE_TIMEOUT = 0.5
    dify.world.tempo = type(dify.world.tempo)(ping=0.1, linger=0, title=0)

    assert the_one_end(alice.stream("Say [[slow 9]]"))["code"] == "upstream_timeout"


@pytest.mark.parametrize("word", ["cut", "noend"])
def test_a_stream_that_just_stops_is_an_error_and_the_partial_answer_is_kept(alice: Gateway, word: str) -> None:
    events = alice.stream(f"Say [[long 20]] [[paced 10]] [[{word}]]")

    end = the_one_end(events)
    kept = Message.objects.get()
    assert (end["event"], end["code"], end["status"]) == ("error", "upstream_error", 502)
    assert (kept.status, kept.error_code) == ("failed", "upstream_error")
    assert kept.answer == text_of(events) != ""


@pytest.mark.parametrize("word", ["cut", "noend", "failed", "error"])
def test_a_blocking_caller_gets_502_and_the_partial_answer_is_kept(alice: Gateway, word: str) -> None:
    response = alice.say(f"Say [[long 20]] [[{word}]]")

    kept = Message.objects.get()
    assert (response.status_code, response.json()["code"]) == (502, "upstream_error")
    assert kept.status == "failed"
    assert "word1" in kept.answer


@pytest.mark.parametrize("version", ["0.15.3", "1.13.2"])
@pytest.mark.parametrize("kind", ["chat", "chatflow", "agent"])
def test_an_answer_that_fails_midway_ends_with_one_error(
    alice: Gateway, drillquiz: System, kind: str, version: str
) -> None:
    with running_standin(version) as standin:
        use_app(drillquiz, kind, standin.url)
        events = alice.stream("Say [[long 20]] [[paced 10]] [[failed]]")

    end = the_one_end(events)
    assert (end["event"], end["code"]) == ("error", "upstream_error")
    assert end["dify_code"] in ("completion_request_error", "workflow_failed", "invalid_param")
    assert Message.objects.get().status == "failed"


def test_the_turn_is_over_at_message_end_though_the_connection_stays_open(alice: Gateway, dify: StandIn) -> None:
    begun = time.monotonic()
    events = alice.stream("Hello [[hang 3]]")

    assert the_one_end(events)["event"] == "message_end"
    assert time.monotonic() - begun < 2
    assert Message.objects.get().status == "answered"


def test_an_answer_is_capped(alice: Gateway, settings: LazySettings) -> None:
    settings.DIFY_MAX_ANSWER_BYTES = 2048
    events = alice.stream("Say [[huge 8]] [[paced 1]]")

    end = the_one_end(events)
    kept = Message.objects.get()
    assert (end["event"], end["code"], end["status"]) == ("error", "upstream_error", 502)
    assert 1900 < len(kept.answer) <= 2048
    assert kept.status == "failed"


def test_a_stream_is_capped_whatever_it_is_made_of(alice: Gateway, settings: LazySettings) -> None:
    settings.DIFY_MAX_BODY_BYTES = 5000

    assert the_one_end(alice.stream("Say [[long 200]] [[paced 5]]"))["code"] == "upstream_error"


def test_a_workflow_that_waits_for_a_person_ends_the_turn(alice: Gateway, drillquiz: System) -> None:
    use_app(drillquiz, "chatflow")
    events = alice.stream("Hello [[pause]]")

    end = the_one_end(events)
    assert (end["event"], end["paused"]) == ("message_end", True)
    assert [event["event"] for event in events[-3:-1]] == ["human_input_required", "workflow_paused"]
    assert (Message.objects.get().status, Message.objects.get().answer) == ("answered", text_of(events))


def test_moderation_replaces_the_answer_so_far(alice: Gateway) -> None:
    events = alice.stream("Say [[long 20]] [[replace]]")

    assert "message_replace" in [event["event"] for event in events]
    assert Message.objects.get().answer == "This answer was withheld by moderation."


def test_an_answer_that_an_agent_repeats_is_kept_once(alice: Gateway, drillquiz: System) -> None:
    use_app(drillquiz, "agent")
    events = alice.stream("Say [[long 9]] [[final]]")

    chunks = "".join(event["answer"] for event in events if event["event"] == "agent_message")
    assert [event["answer"] for event in events if event["event"] == "message"] == [chunks]
    assert Message.objects.get().answer == chunks


def test_reasoning_is_relayed_but_is_no_part_of_the_answer(alice: Gateway) -> None:
    events = alice.stream("Hello [[think]]")

    assert "reasoning_chunk" in [event["event"] for event in events]
    assert Message.objects.get().answer == text_of(events)


def test_citations_are_kept(alice: Gateway) -> None:
    end = alice.stream("Hello [[sources]]")[-1]

    assert Message.objects.get().citations == end["metadata"]["retriever_resources"] != []


def test_the_whole_answer_is_kept_when_the_client_leaves(alice: Gateway, dify: StandIn) -> None:
    response = alice.say("Say [[long 30]] [[paced 20]]", response_mode="streaming")
    next(iter(response.streaming_content))
    response.close()
    assert Message.objects.get().status == "pending"

    turn.wait_for_running(10)

    kept = Message.objects.get()
    assert (kept.status, len(kept.answer.split())) == ("answered", 30)
    assert [message.answer for message in dify.store.messages.values()] == [kept.answer]


def test_the_row_is_there_before_dify_is_asked(alice: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    answer = Turn.before_first_token

    def look_first(self: Turn) -> Any:
        seen.extend(Message.objects.values_list("status", flat=True))
        return answer(self)

    monkeypatch.setattr(Turn, "before_first_token", look_first)
    alice.say("Hello")

    assert seen == ["pending"]


def chat_requests(dify: StandIn) -> list[Any]:
    return [request for request in dify.requests if request.path == "/v1/chat-messages"]


@pytest.mark.parametrize("mode", ["blocking", "streaming"])
def test_another_users_conversation_is_404_and_dify_is_not_asked(
    alice: Gateway, bob: Gateway, dify: StandIn, mode: str
) -> None:
    theirs = alice.say("Mine").json()["conversation_id"]
    dify.requests.clear()

    response = bob.say("Let me in", conversation_id=theirs, response_mode=mode)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert not dify.requests
    assert Message.objects.count() == 1


def test_a_foreign_chatflow_conversation_the_ledger_does_not_know_is_404_at_once(
    alice: Gateway, drillquiz: System, dify: StandIn
) -> None:
    use_app(drillquiz, "chatflow")
    theirs = alice.say("Mine").json()["conversation_id"]
    Conversation.objects.all().delete()
    alice.identity = {"user_id": "mallory"}
    begun = time.monotonic()

    response = alice.say("Let me in", conversation_id=theirs, response_mode="streaming")

    assert (response.status_code, time.monotonic() - begun < 2) == (404, True)
    assert len(chat_requests(dify)) == 1


def test_a_conversation_older_than_the_gateway_goes_on(alice: Gateway) -> None:
    older = alice.say("One").json()["conversation_id"]
    Conversation.objects.all().delete()

    assert alice.say("Two", conversation_id=older).json()["conversation_id"] == older


def test_another_systems_conversation_is_404(alice: Gateway, charlie: Gateway) -> None:
    theirs = alice.say("Mine").json()["conversation_id"]

    assert charlie.say("Let me in", conversation_id=theirs).status_code == 404


def test_an_empty_conversation_id_begins_a_new_conversation(alice: Gateway) -> None:
    alice.say("One", conversation_id="")
    alice.say("Two", conversation_id=None)

    assert Conversation.objects.count() == 2
