"""A Dify with a past: conversations of long ago, and a stand-in that misbehaves on purpose."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dify.standin import app, records
from dify.standin.call import Call
from dify.standin.exchange import Response
from dify.standin.profiles import DEMO_APPS
from dify.standin.server import StandIn
from dify.standin.store import Conversation, Message

LONG_AGO = 1_700_000_000
APP = DEMO_APPS["app-demo-chat"].id


def seed(dify: StandIn, user: str, *seconds: int, said: int = 1) -> list[Conversation]:
    """A conversation at each of these seconds, counted from LONG_AGO, with so many messages in that very second."""
    made = []
    for second in seconds:
        conversation = dify.store.add_conversation(APP, user, created_at=LONG_AGO + second)
        conversation.name = f"Name {second}"
        for number in range(said):
            say(dify, conversation, f"Question {number}", at=second)
        made.append(conversation)
    return made


def say(dify: StandIn, conversation: Conversation, query: str, answer: str = "Answer", at: int = 0) -> Message:
    return dify.store.add_message(conversation, query, answer, created_at=LONG_AGO + at)


def asked_for(dify: StandIn, path: str) -> int:
    return sum(request.path == path for request in dify.requests)


def answers(monkeypatch: pytest.MonkeyPatch, path: str, handler: Callable[[Call], Response]) -> None:
    """`handler` answers instead of the stand-in."""
    monkeypatch.setitem(app.FIXED[path], "GET", handler)


def listing(*rows: Any, has_more: bool = False) -> Response:
    return Response(200, json.dumps({"data": list(rows), "has_more": has_more, "limit": 100}).encode())


def before_page(monkeypatch: pytest.MonkeyPatch, number: int, do: Callable[[], object]) -> None:
    """Something happens at Dify just before it answers with this page of conversations, counted from 1."""
    asked = []

    def page(call: Call) -> Response:
        asked.append(call)
        if len(asked) == number:
            do()
        return records.conversations(call)

    answers(monkeypatch, "/v1/conversations", page)
