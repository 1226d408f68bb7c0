"""How the stand-in behaves beyond the recordings: trouble on purpose, stopping, leaving, ties, names, languages."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from dify.standin import DEMO_APPS, StandIn, Tempo, answers, running_standin, trouble
from dify.standin.server import AT_ONCE
from tests.dify_recordings import collapsed, parse_events

ROOT = Path(__file__).parent.parent
BOTH = pytest.mark.parametrize("standin", ["0.15.3", "1.13.2"], indirect=True)
OLD = pytest.mark.parametrize("standin", ["0.15.3"], indirect=True)
NEW = pytest.mark.parametrize("standin", ["1.13.2"], indirect=True)
SLOWLY = "[[long 100]] [[paced 20]]"  # two seconds, if nobody stops it


@pytest.fixture
def standin(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with running_standin(getattr(request, "param", "1.13.2")) as running:
        yield running


def call(standin: StandIn, method: str, path: str, app: str = "chat", **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer app-demo-{app}"}
    return requests.request(method, standin.url + path, headers=headers, timeout=10, **more)


def ask(standin: StandIn, query: str, app: str = "chat", mode: str = "streaming", **more: Any) -> requests.Response:
    body = {"query": query, "user": "alice", "inputs": {}, "response_mode": mode, **more}
    return call(standin, "POST", "/chat-messages", app, json=body, stream=True)


def events(response: requests.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200
    return parse_events(response.content.decode())


def said(found: list[dict[str, Any]]) -> str:
    return "".join(event["answer"] for event in found if event["event"] in ("message", "agent_message"))


def first_event(response: requests.Response) -> dict[str, Any]:
    for chunk in response.iter_content(None):
        for event in parse_events(chunk.decode()):
            if "task_id" in event:
                return event
    raise AssertionError("the stream was empty")


def stop(standin: StandIn, task_id: str, user: str, app: str = "chat") -> None:
    answer = call(standin, "POST", f"/chat-messages/{task_id}/stop", app, json={"user": user})
    assert (answer.status_code, answer.json()) == (200, {"result": "success"})


def conversations(standin: StandIn, app: str = "chat", **query: Any) -> dict[str, Any]:
    return call(standin, "GET", "/conversations", app, params={"user": "alice", **query}).json()


def messages(standin: StandIn, conversation_id: str, app: str = "chat", **query: Any) -> dict[str, Any]:
    query = {"user": "alice", "conversation_id": conversation_id, **query}
    return call(standin, "GET", "/messages", app, params=query).json()


def last_message(standin: StandIn) -> dict[str, Any]:
    """The newest row of Alice's newest conversation with the demo chat."""
    return messages(standin, conversations(standin)["data"][0]["id"])["data"][-1]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


# Answers ------------------------------------------------------------------------------------------------------


@BOTH
def test_what_it_streams_is_what_it_keeps(standin):
    found = events(ask(standin, "What is new?"))
    row = last_message(standin)
    assert row["answer"] == said(found)
    assert row["query"] == "What is new?"
    assert row["id"] == found[-1]["message_id"]
    assert (row["status"], row["error"], row["feedback"]) == ("normal", None, None)


@pytest.mark.parametrize(
    ("query", "language"),
    [
        ("How do I reset my password?", "en"),
        ("no way, para", "en"),
        ("¿Cómo cambio mi contraseña?", "es"),
        ("hola", "es"),
        ("비밀번호를 어떻게 바꾸나요?", "ko"),
        ("Dify 가 뭐야?", "ko"),
        ("如何修改密码？", "zh"),
        ("パスワードを変更するには？", "ja"),
        ("漢字とひらがな", "ja"),
        ("[[sources]] 안녕", "ko"),
        ("", "en"),
    ],
)
def test_it_recognises_the_language(query, language):
    assert answers.language(trouble.without_words(query)) == language


@pytest.mark.parametrize("language", ["en", "es", "ko", "zh", "ja"])
def test_it_answers_in_the_language_of_the_query_with_markdown(standin, language):
    query = {"en": "Why?", "es": "¿Por qué?", "ko": "왜요?", "zh": "为什么？", "ja": "なぜですか？"}[language]
    answer = ask(standin, query, mode="blocking").json()["answer"]
    # The answer is recognisably of the same language, even without the question it repeats.
    assert answers.language(answer.replace(query, "")) == language
    assert "\n- " in answer
    assert "**" in answer


def test_it_answers_differently_the_second_time(standin):
    first = ask(standin, "Why?", mode="blocking").json()
    second = ask(standin, "Why?", mode="blocking", conversation_id=first["conversation_id"]).json()
    assert second["conversation_id"] == first["conversation_id"]
    assert second["answer"] != first["answer"]


@BOTH
def test_usage_counts_the_words(standin):
    found = events(ask(standin, "one two [[long 30]]", "chatflow"))
    node = next(e for e in found if e["event"] == "node_finished" and e["data"]["node_id"] == "llm")
    end = next(e for e in found if e["event"] == "message_end")
    whole = next(e for e in found if e["event"] == "workflow_finished")
    used = end["metadata"]["usage"]
    assert used["completion_tokens"] == node["data"]["outputs"]["usage"]["completion_tokens"] == 30
    assert used["total_tokens"] == used["prompt_tokens"] + 30 == whole["data"]["total_tokens"]


def test_tokens_add_up_to_the_answer():
    for text in (
        "one  two\n\n- three ",
        "안녕하세요, 세계! 👋",
        "",
        " ",
        "无空格的长句子也要切开",
        answers.HOSTILE,
        answers.MARKDOWN,
    ):
        assert "".join(answers.tokens(text)) == text
    assert len(answers.tokens("无空格的长句子也要切开")) > 1


@BOTH
def test_it_cites_sources_when_asked_to(standin):
    end = events(ask(standin, "rules [[sources]]"))[-1]
    cited = end["metadata"]["retriever_resources"]
    assert [source["position"] for source in cited] == [1, 2]
    assert cited[0]["content"]
    assert last_message(standin)["retriever_resources"] == cited


@pytest.mark.parametrize("word", ["[[md]]", "[[hostile]]", "[[long 30]]", "[[huge 3]]"])
def test_it_answers_what_the_word_wants(standin, word):
    answer = said(events(ask(standin, word)))
    assert {
        "[[md]]": answer == answers.MARKDOWN,
        "[[hostile]]": "<script>" in answer and "javascript:" in answer,
        "[[long 30]]": len(answer.split()) == 30,
        "[[huge 3]]": len(answer) == 3 * 1024,
    }[word]


@BOTH
def test_u2028_is_raw_in_the_new_version_and_escaped_in_the_old(standin):
    raw = ask(standin, "[[hostile]]").content
    assert ("\u2028".encode() in raw) == (standin.world.version.name == "1.13.2")
    assert (b"\\u2028" in raw) == (standin.world.version.name == "0.15.3")


# Trouble ------------------------------------------------------------------------------------------------------


def test_words_can_be_combined_and_written_either_way():
    wanted = trouble.in_query("hello [[SLOW 2.5]] there [[pace:40]] [[nonsense]] [[500]] [[long ]]")
    assert (wanted.number("slow"), wanted.number("paced")) == (2.5, 40)
    assert wanted.provider_status == 500
    assert wanted.number("long") == 300
    assert "cut" not in wanted
    assert trouble.without_words("hello [[slow 2.5]] there [[500]]") == "hello  there"
    assert trouble.without_words("an array[[0]] stays") == "an array[[0]] stays"


def test_every_word_is_in_the_table():
    words = {*trouble.SAME, *trouble.SAME.values(), *trouble.DEFAULTS, *trouble.PROVIDER_STATUSES}
    assert trouble.__doc__
    assert [word for word in sorted(words) if word not in trouble.__doc__] == []


@pytest.mark.parametrize("app", ["chat", "chatflow", "agent"])
def test_slow_delays_the_first_token_and_with_a_chat_app_even_the_headers(standin, app):
    began = time.monotonic()
    response = ask(standin, "[[slow 0.3]]", app)
    waited = time.monotonic() - began
    assert (waited > 0.25) == (app != "chatflow")
    assert said(events(response))
    assert time.monotonic() - began > 0.25


def test_slow_without_a_number_means_half_a_minute(standin):
    standin.world.tempo = replace(AT_ONCE, ping=1000, speed=100)
    began = time.monotonic()
    events(ask(standin, "[[slow]] [[long 1]]"))
    assert 0.28 < time.monotonic() - began < 2


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_the_delay_comes_before_every_answer(standin, mode):
    standin.world.tempo = replace(AT_ONCE, delay=0.2)
    began = time.monotonic()
    _ = ask(standin, "x", mode=mode).content
    assert 0.19 < time.monotonic() - began < 2


def test_the_pace_lies_between_two_tokens(standin):
    standin.world.tempo = replace(AT_ONCE, pace=0.02)
    began = time.monotonic()
    tokens = len(events(ask(standin, "[[long 10]]"))) - 1
    assert time.monotonic() - began > tokens * 0.02


def test_pings_come_while_waiting_and_while_tokens_flow(standin):
    standin.world.tempo = replace(AT_ONCE, ping=0.1)
    assert collapsed(events(ask(standin, "[[slow 0.15]]")))[:2] == ["ping", "message"]
    flowing = collapsed(events(ask(standin, "[[long 12]] [[paced 20]]")))
    assert flowing[:3] == ["message", "ping", "message"]


def test_silence_has_not_even_pings(standin):
    standin.world.tempo = replace(AT_ONCE, ping=0.05)
    began = time.monotonic()
    found = collapsed(events(ask(standin, "[[silence 0.3]] [[long 6]]")))
    assert time.monotonic() - began > 0.25
    assert found.count("ping") <= 1  # the one that was due when the silence ended
    assert found[-1] == "message_end"


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_cut_breaks_the_connection(standin, mode):
    with pytest.raises(requests.RequestException):
        _ = ask(standin, "[[cut]]", mode=mode).content
    assert last_message(standin)["answer"] == ""


def test_cut_comes_after_some_tokens(standin):
    pieces: list[bytes] = []
    with pytest.raises(requests.RequestException):
        pieces.extend(ask(standin, "[[cut]]").iter_content(None))
    assert collapsed(parse_events(b"".join(pieces).decode())) == ["message"]


def test_trouble_finds_even_a_single_token(standin):
    assert collapsed(events(ask(standin, "[[error]] [[long 1]]"))) == ["error"]


def test_drop_breaks_the_connection_before_a_single_byte(standin):
    with pytest.raises(requests.ConnectionError):
        ask(standin, "[[drop]]")
    assert standin.store.messages == {}


@pytest.mark.parametrize("app", ["chat", "agent"])
@BOTH
def test_error_comes_in_the_middle_without_a_task_id(standin, app):
    found = events(ask(standin, "[[error]]", app))
    name = "message" if app == "chat" else "agent_message"
    assert collapsed(found)[-2:] == [name, "error"]
    expected = {"0.15.3": "completion_request_error", "1.13.2": "invalid_param"}[standin.world.version.name]
    assert (found[-1]["code"], found[-1]["status"]) == (expected, 400)
    assert "task_id" not in found[-1]


@BOTH
def test_a_failed_answer_is_kept_empty_with_its_error(standin):
    events(ask(standin, "[[error]]"))
    row = last_message(standin)
    assert (row["answer"], row["status"]) == ("", "error")
    assert "mid-stream provider error" in row["error"]


@BOTH
def test_a_failed_chatflow_says_so_twice_in_the_old_version_and_once_in_the_new(standin):
    found = collapsed(events(ask(standin, "[[failed]]", "chatflow")))
    old = standin.world.version.name == "0.15.3"
    assert found[-2:] == (
        ["workflow_finished(failed)", "error"] if old else ["node_finished", "workflow_finished(failed)"]
    )
    assert "message" in found
    assert "message_end" not in found


@BOTH
def test_error_in_a_chatflow_is_an_error_event_in_either_version(standin):
    assert collapsed(events(ask(standin, "[[error]]", "chatflow")))[-2:] == ["message", "error"]


def test_hang_keeps_the_connection_open_after_the_end(standin):
    response = ask(standin, "[[hang 0.4]]")
    arrived: dict[str, float] = {}
    for chunk in response.iter_content(None):
        arrived.update(dict.fromkeys(collapsed(parse_events(chunk.decode())), time.monotonic()))
    assert time.monotonic() - arrived["message_end"] > 0.3


@pytest.mark.parametrize("app", ["chat", "chatflow", "agent"])
def test_noend_ends_the_stream_without_a_terminal_event(standin, app):
    found = collapsed(events(ask(standin, "[[noend]]", app)))
    assert not {"message_end", "error", "workflow_finished(succeeded)"} & set(found)
    assert {"message", "agent_message"} & set(found)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 504])
def test_http_refuses_before_any_stream(standin, status):
    response = ask(standin, f"[[http {status}]]")
    assert response.status_code == status
    assert response.json()["status"] == status
    assert response.json()["code"]
    assert standin.store.messages == {}


def test_html_is_a_proxy_page(standin):
    response = ask(standin, "[[html]]")
    assert response.status_code == 502
    assert response.headers["Content-Type"].startswith("text/html")
    assert "<h1>" in response.text


def test_busy_is_a_400_and_not_a_429(standin):
    response = ask(standin, "[[busy]]")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_param")


def test_replace_withdraws_what_was_said(standin):
    found = events(ask(standin, "[[replace]]"))
    assert collapsed(found) == ["message", "message_replace", "message_end"]
    assert last_message(standin)["answer"] == found[-2]["answer"] != said(found)


def test_replace_works_in_blocking_mode_too(standin):
    assert ask(standin, "[[replace]]", mode="blocking").json()["answer"] == "This answer was withheld by moderation."


def test_final_repeats_the_whole_answer_at_the_end(standin):
    found = events(ask(standin, "[[final]]", "agent"))
    assert collapsed(found) == ["agent_thought", "agent_message", "message", "message_end"]
    parts = "".join(event["answer"] for event in found if event["event"] == "agent_message")
    assert found[-2]["answer"] == parts


def test_pause_ends_the_stream_without_message_end(standin):
    found = events(ask(standin, "[[pause]]", "chatflow"))
    assert collapsed(found)[-2:] == ["human_input_required", "workflow_paused"]
    assert found[-2]["data"]["form_token"]
    assert found[-1]["data"]["status"] == "paused"


def test_think_sends_reasoning_first(standin):
    found = events(ask(standin, "[[think]]"))
    assert collapsed(found) == ["reasoning_chunk", "message", "message_end"]
    assert [e["data"]["is_final"] for e in found if e["event"] == "reasoning_chunk"] == [False, False, True]


# A chatflow and somebody else's conversation ------------------------------------------------------------------


@NEW
def test_the_new_chatflow_goes_silent_at_a_foreign_conversation(standin):
    standin.world.tempo = replace(AT_ONCE, silence=0.3)
    foreign = ask(standin, "mine", "chatflow", mode="blocking", user="bob").json()["conversation_id"]
    began = time.monotonic()
    assert events(ask(standin, "hers?", "chatflow", conversation_id=foreign)) == [{"event": "ping"}]
    assert time.monotonic() - began > 0.25
    assert ask(standin, "hers?", "chatflow", "blocking", conversation_id=foreign).status_code == 404


@OLD
def test_the_old_chatflow_refuses_a_foreign_conversation(standin):
    foreign = ask(standin, "mine", "chatflow", mode="blocking", user="bob").json()["conversation_id"]
    assert ask(standin, "hers?", "chatflow", conversation_id=foreign).status_code == 404


# Stopping and leaving -----------------------------------------------------------------------------------------


@BOTH
def test_a_stopped_stream_ends_with_message_end_and_keeps_what_was_said(standin):
    found = stopped(standin, SLOWLY)
    assert collapsed(found) == ["message", "message_end"]
    assert 0 < len(said(found).split()) < 60
    assert last_message(standin)["answer"] == said(found)


@BOTH
def test_a_stopped_chatflow_ends_as_stopped(standin):
    found = stopped(standin, SLOWLY, "chatflow")
    assert collapsed(found)[-2:] == ["workflow_finished(stopped)", "message_end"]
    kept = messages(standin, found[-1]["conversation_id"], "chatflow")["data"][0]["answer"]
    assert kept == said(found) != ""


@pytest.mark.parametrize("by", [{"user": "mallory"}, {"stop_app": "agent"}])
def test_somebody_elses_stop_does_nothing(standin, by):
    found = stopped(standin, "[[long 20]] [[paced 10]]", **by)
    assert len(said(found).split()) == 20
    assert last_message(standin)["answer"] == said(found)


def test_a_stop_ends_a_silence(standin):
    began = time.monotonic()
    assert collapsed(stopped(standin, "[[silence 30]] [[long 2]]"))[-1] == "message_end"
    assert time.monotonic() - began < 2


def stopped(
    standin: StandIn, query: str, app: str = "chat", *, user: str = "alice", stop_app: str = ""
) -> list[dict[str, Any]]:
    """All events of a stream that is stopped at its first token."""
    found: list[dict[str, Any]] = []
    for chunk in ask(standin, query, app).iter_content(None):
        begun = bool(said(found))
        found += parse_events(chunk.decode())
        if said(found) and not begun:
            stop(standin, found[-1]["task_id"], user, stop_app or app)
    return found


@pytest.mark.parametrize("app", ["chat", "chatflow", "agent"])
@BOTH
def test_who_leaves_finds_an_empty_answer_for_good(standin, app):
    response = ask(standin, SLOWLY, app)
    told = first_event(response)
    response.close()
    until(lambda: not standin.world.running)
    rows = messages(standin, told["conversation_id"], app)["data"]
    assert [(row["query"], row["answer"], row["status"]) for row in rows] == [(SLOWLY, "", "normal")]


def test_who_leaves_after_message_end_loses_nothing(standin):
    response = ask(standin, "[[hang 5]] [[long 3]]")
    for chunk in response.iter_content(None):
        if b"message_end" in chunk:
            break
    response.close()
    assert last_message(standin)["answer"] == "단어0 word1 🙂2"


# Names --------------------------------------------------------------------------------------------------------


@BOTH
def test_a_conversation_gets_its_name_shortly_after_the_first_answer(standin):
    standin.world.tempo = replace(AT_ONCE, title=0.2)
    _ = ask(standin, "What is the capital of France?", mode="blocking").content
    assert conversations(standin)["data"][0]["name"] == "New conversation"
    until(lambda: conversations(standin)["data"][0]["name"] == "What is the capital of France?")


@BOTH
def test_a_generated_name_overwrites_a_rename_that_came_before_it(standin):
    standin.world.tempo = replace(AT_ONCE, title=0.2)
    id = ask(standin, "Generated", mode="blocking").json()["conversation_id"]
    renamed = call(standin, "POST", f"/conversations/{id}/name", json={"user": "alice", "name": "Mine"})
    assert renamed.json()["name"] == "Mine"
    until(lambda: conversations(standin)["data"][0]["name"] == "Generated")


def test_only_the_first_answer_names_the_conversation(standin):
    id = ask(standin, "First", mode="blocking").json()["conversation_id"]
    _ = ask(standin, "Second", mode="blocking", conversation_id=id).content
    assert conversations(standin)["data"][0]["name"] == "First"


@BOTH
def test_without_generation_the_versions_differ_in_the_name(standin):
    _ = ask(standin, "My question", mode="blocking", auto_generate_name=False).content
    expected = {"0.15.3": "New conversation", "1.13.2": "My question"}[standin.world.version.name]
    assert conversations(standin)["data"][0]["name"] == expected


@BOTH
def test_a_first_answers_stream_stays_open_for_the_name_in_the_old_version_only(standin):
    standin.world.tempo = replace(AT_ONCE, title=0.4)
    began = time.monotonic()
    events(ask(standin, "Hello"))
    assert (time.monotonic() - began > 0.35) == (standin.world.version.name == "0.15.3")


@BOTH
def test_a_chatflows_stream_lingers_in_the_new_version_only(standin):
    standin.world.tempo = replace(AT_ONCE, linger=0.4)
    began = time.monotonic()
    events(ask(standin, "Hello", "chatflow"))
    assert (time.monotonic() - began > 0.35) == (standin.world.version.name == "1.13.2")


# Lists --------------------------------------------------------------------------------------------------------


def test_conversations_of_one_second_are_lost_between_pages():
    with running_standin(clock=lambda: 1_800_000_000.9) as standin:
        for number in range(3):
            _ = ask(standin, f"number {number}", mode="blocking").content
        everything = conversations(standin)
        assert {row["created_at"] for row in everything["data"]} == {1_800_000_000}
        page = conversations(standin, limit=2)
        assert (len(page["data"]), page["has_more"]) == (2, False)
        assert conversations(standin, last_id=page["data"][-1]["id"])["data"] == []


def test_messages_of_one_second_are_lost_between_pages():
    with running_standin(clock=lambda: 1_800_000_000) as standin:
        id = ask(standin, "0", mode="blocking").json()["conversation_id"]
        for number in range(1, 3):
            _ = ask(standin, str(number), mode="blocking", conversation_id=id).content
        page = messages(standin, id, limit=2)
        assert [row["query"] for row in page["data"]] == ["1", "2"]
        assert page["has_more"] is False
        assert messages(standin, id, first_id=page["data"][0]["id"])["data"] == []


def test_a_new_message_and_a_rename_move_a_row_while_you_page():
    now = [1_800_000_000.0]
    with running_standin(clock=lambda: now[0]) as standin:
        ids = []
        for _ in range(4):
            now[0] += 10
            ids.append(ask(standin, "x", mode="blocking").json()["conversation_id"])
        assert [row["id"] for row in conversations(standin)["data"]] == ids[::-1]
        now[0] += 10
        _ = ask(standin, "again", mode="blocking", conversation_id=ids[0]).content
        assert conversations(standin)["data"][0]["id"] == ids[0]
        now[0] += 10
        call(standin, "POST", f"/conversations/{ids[1]}/name", json={"user": "alice", "name": "up"})
        assert [row["id"] for row in conversations(standin)["data"]] == [ids[1], ids[0], ids[3], ids[2]]
        by_creation = conversations(standin, sort_by="created_at", limit=3)
        assert ([row["id"] for row in by_creation["data"]], by_creation["has_more"]) == (ids[:3], True)


def test_messages_page_backwards_from_the_newest():
    now = [1_800_000_000.0]
    with running_standin(clock=lambda: now[0]) as standin:
        id = ask(standin, "0", mode="blocking").json()["conversation_id"]
        for number in range(1, 5):
            now[0] += 1
            _ = ask(standin, str(number), mode="blocking", conversation_id=id).content
        newest = messages(standin, id, limit=2)
        assert ([row["query"] for row in newest["data"]], newest["has_more"]) == (["3", "4"], True)
        older = messages(standin, id, limit=3, first_id=newest["data"][0]["id"])
        assert ([row["query"] for row in older["data"]], older["has_more"]) == (["0", "1", "2"], False)


def test_lists_without_a_user_share_one(standin):
    id = ask(standin, "x", mode="blocking", user="DEFAULT-USER").json()["conversation_id"]
    assert [row["id"] for row in call(standin, "GET", "/conversations").json()["data"]] == [id]


@BOTH
def test_a_deleted_conversation_is_gone_for_every_call(standin):
    row = ask(standin, "x", mode="blocking").json()
    id, expected = row["conversation_id"], {"0.15.3": 200, "1.13.2": 204}[standin.world.version.name]
    assert call(standin, "DELETE", f"/conversations/{id}", json={"user": "alice"}).status_code == expected
    assert conversations(standin)["data"] == []
    assert call(standin, "GET", "/conversations", params={"user": "alice", "last_id": id}).status_code == 404
    assert ask(standin, "again", conversation_id=id).status_code == 404
    rating = call(standin, "POST", f"/messages/{row['message_id']}/feedbacks", json={"user": "alice", "rating": "like"})
    assert rating.status_code == 404


def test_apps_do_not_see_each_others_conversations(standin):
    id = ask(standin, "x", mode="blocking").json()["conversation_id"]
    assert conversations(standin, "agent")["data"] == []
    assert (
        call(standin, "GET", "/messages", "agent", params={"user": "alice", "conversation_id": id}).status_code == 404
    )


# Apps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "status", "code"),
    [
        ("completion", 400, "not_chat_app"),
        ("disabled", 403, "forbidden"),
        ("nocred", 400, "provider_not_initialize"),
        ("nosuch", 401, "unauthorized"),
    ],
)
@BOTH
def test_the_other_demo_apps_refuse(standin, app, status, code):
    response = ask(standin, "x", app)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert standin.store.conversations == {}


@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        ({}, 400),
        ({"name": ""}, 400),
        ({"name": 5}, 400),
        ({"name": "x" * 49}, 400),
        ({"name": "Ann", "level": "god"}, 400),
        ({"name": "Ann"}, 200),
        ({"name": "Ann", "level": "expert", "other": "dropped"}, 200),
    ],
)
def test_required_inputs_are_required(standin, inputs, status):
    response = ask(standin, "x", "inputs", mode="blocking", inputs=inputs)
    assert response.status_code == status
    if status == 200:
        kept = conversations(standin, "inputs")["data"][0]["inputs"]
        assert kept == {"name": "Ann", "level": inputs.get("level")}
    else:
        assert response.json()["code"] == "invalid_param"


def test_a_followup_needs_no_inputs(standin):
    id = ask(standin, "x", "inputs", mode="blocking", inputs={"name": "Ann"}).json()["conversation_id"]
    assert ask(standin, "y", "inputs", mode="blocking", conversation_id=id).status_code == 200


def test_the_demo_chat_offers_an_opener_suggestions_and_images(standin):
    offered = call(standin, "GET", "/parameters").json()
    assert offered["opening_statement"]
    assert len(offered["suggested_questions"]) >= 2
    assert offered["suggested_questions_after_answer"] == {"enabled": True}
    assert offered["file_upload"]["image"]["enabled"] is True
    form = call(standin, "GET", "/parameters", "inputs").json()["user_input_form"]
    assert form[0]["text-input"]["variable"] == "name"
    assert form[0]["text-input"]["required"] is True
    assert form[1]["select"]["options"]


def test_suggestions_come_in_the_language_of_the_question(standin):
    id = ask(standin, "안녕하세요", mode="blocking").json()["message_id"]
    offered = call(standin, "GET", f"/messages/{id}/suggested", params={"user": "alice"}).json()["data"]
    assert len(offered) == 3
    assert {answers.language(question) for question in offered} == {"ko"}


def test_suggestions_can_be_disabled(standin):
    id = ask(standin, "x", "wrapped", mode="blocking").json()["message_id"]
    response = call(standin, "GET", f"/messages/{id}/suggested", "wrapped", params={"user": "alice"})
    assert response.status_code == 400


def test_a_wrapped_answer_is_kept_whole(standin):
    found = events(ask(standin, "x", "wrapped"))
    id = found[-1]["conversation_id"]
    assert said(found).startswith("Here is what I found: ")
    assert said(found).endswith(" (end of the answer)")
    assert messages(standin, id, "wrapped")["data"][0]["answer"] == said(found)


def test_an_agents_thought_is_kept_with_the_message(standin):
    found = events(ask(standin, "x", "agent"))
    row = messages(standin, found[-1]["conversation_id"], "agent")["data"][0]
    assert [thought["id"] for thought in row["agent_thoughts"]] == [found[0]["id"]]


# Files and users ----------------------------------------------------------------------------------------------


def upload(standin: StandIn, size: int = 70) -> requests.Response:
    files = {"file": ("사진.png", b"x" * size, "image/png")}
    return call(standin, "POST", "/files/upload", files=files, data={"user": "alice"})


def test_whoever_knows_the_id_of_a_file_can_attach_it(standin):
    row = upload(standin).json()
    assert (row["name"], row["size"], row["extension"]) == ("사진.png", 70, "png")
    file = {"type": "image", "transfer_method": "local_file", "upload_file_id": row["id"]}
    answer = ask(standin, "look", mode="blocking", user="bob", files=[file]).json()
    kept = messages(standin, answer["conversation_id"], user="bob")["data"][0]["message_files"]
    assert [(f["filename"], f["upload_file_id"]) for f in kept] == [("사진.png", row["id"])]


def test_an_agent_refuses_blocking_mode_and_keeps_nothing(standin):
    assert ask(standin, "x", "agent", mode="blocking").status_code == 400
    assert standin.store.conversations == {}


def test_an_unknown_file_is_refused(standin):
    file = {"type": "image", "transfer_method": "local_file", "upload_file_id": "11111111-1111-1111-1111-111111111111"}
    assert ask(standin, "look", files=[file]).status_code == 400
    assert standin.store.conversations == {}


def test_an_upload_in_chunks_is_measured_too(standin):
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        yield b"x" * 100_000
        yield b"\r\n--b--\r\n"

    headers = {"Authorization": "Bearer app-demo-chat", "Content-Type": "multipart/form-data; boundary=b"}
    response = requests.post(f"{standin.url}/files/upload", data=body(), headers=headers, timeout=5)
    assert (response.status_code, response.json()["size"]) == (201, 100_000)


def test_a_user_that_does_not_fit_the_column_is_a_500(standin):
    assert ask(standin, "x", mode="blocking", user="u" * 255).status_code == 200
    assert ask(standin, "x", user="u" * 256).status_code == 500


# Serving ------------------------------------------------------------------------------------------------------


def test_it_tells_what_reached_it(standin):
    assert list(standin.requests) == []
    _ = ask(standin, "안녕", mode="blocking").content
    conversations(standin, limit=3)
    chat, listed = standin.requests
    assert (chat.method, chat.path, chat.json["query"]) == ("POST", "/v1/chat-messages", "안녕")
    assert chat.headers["authorization"] == "Bearer app-demo-chat"
    assert (listed.method, listed.path, listed.query) == ("GET", "/v1/conversations", {"user": "alice", "limit": "3"})
    standin.requests.clear()
    assert list(standin.requests) == []


def test_two_run_side_by_side_and_know_nothing_of_each_other():
    with running_standin("0.15.3") as one, running_standin("1.13.2") as other:
        _ = ask(one, "x", mode="blocking").content
        assert len(conversations(one)["data"]) == 1
        assert conversations(other)["data"] == []
        assert call(one, "GET", "/info").headers["X-Version"] == "0.15.3"
        assert call(other, "GET", "/info").headers["X-Version"] == "1.13.2"


def test_it_serves_many_streams_at_once(standin):
    began = time.monotonic()
    sockets = [raw_stream(standin, "[[slow 0.5]] [[long 3]]") for _ in range(200)]
    ends = [everything(connection) for connection in sockets]
    assert all(b"message_end" in end for end in ends)
    assert time.monotonic() - began < 4  # one after the other it would be 100 s


def raw_stream(standin: StandIn, query: str) -> socket.socket:
    body = f'{{"query": "{query}", "user": "u", "inputs": {{}}, "response_mode": "streaming"}}'
    connection = socket.create_connection(standin.address, timeout=10)
    connection.sendall(
        b"POST /v1/chat-messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer app-demo-chat\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode())
    )
    return connection


def everything(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as file:
        return file.read()


def test_it_stops_at_once_with_streams_open():
    with running_standin(tempo=Tempo(pace=5)) as standin:
        response = ask(standin, "x")
        first_event(response)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    with pytest.raises(requests.ConnectionError):
        ask(standin, "x")


def test_a_port_in_use_is_known_at_once(standin):
    with pytest.raises(OSError, match="in use"), running_standin(port=standin.address[1]):
        pass


def test_every_demo_key_has_its_app():
    assert sorted(DEMO_APPS) == sorted(
        f"app-demo-{kind}"
        for kind in ("chat", "chatflow", "wrapped", "agent", "completion", "disabled", "inputs", "nocred")
    )


# The command --------------------------------------------------------------------------------------------------


def command(*options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "dify_standin", *options],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_without_a_database_and_stops_at_once(number):
    port = free_port()
    process = command("--port", str(port), "--version", "0.15.3", "--key", "app-mine=chatflow", "--delay", "0")
    assert process.stdout
    assert f"http://127.0.0.1:{port}/v1" in process.stdout.readline()
    assert "app-mine" in process.stdout.readline()
    open_stream = requests.post(
        f"http://127.0.0.1:{port}/v1/chat-messages",
        json={"query": SLOWLY, "user": "alice", "inputs": {}, "response_mode": "streaming"},
        headers={"Authorization": "Bearer app-mine"},
        stream=True,
        timeout=5,
    )
    assert first_event(open_stream)["event"] == "workflow_started"
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert time.monotonic() - began < 2
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "The Dify stand-in has stopped."


def test_the_command_says_so_when_the_port_is_in_use(standin):
    port = str(standin.address[1])
    process = command("--port", port)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert out == ""
    assert err.strip() == (
        f"CommandError: Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another with --port."
    )


@pytest.mark.parametrize("options", [("--key", "k=nosuch"), ("--delay", "soon"), ("--version", "2.0")])
def test_the_command_refuses_what_it_does_not_know(options):
    process = command(*options)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 2
    assert options[0] in err
