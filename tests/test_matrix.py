"""Two systems, their users, every route and every kind of credential: who gets what.

A URL under /v1 without a row in ROUTES fails the test at the end. The rows act on things of Alice's, who uses DrillQuiz
as Bob does; Charlie belongs to CoinTutor.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from history.models import Conversation, Message
from tenants import tokens
from tenants.models import ApiKey, System
from tests.gateway import Gateway

CLAIMS = {"alice": {"user_id": "alice"}, "bob": {"user_id": "bob"}, "charlie": {"user_id": "charlie"}}

# Who asks: a credential, and what the request says of system and user.
CREDENTIALS: dict[str, tuple[str, dict[str, str]]] = {
    "DrillQuiz's key for Alice": ("key drillquiz", CLAIMS["alice"]),
    "key of all systems for Alice": ("key of all", {"system_id": "drillquiz", **CLAIMS["alice"]}),
    "Alice's token": ("token alice", {}),
    "DrillQuiz's key for Bob": ("key drillquiz", CLAIMS["bob"]),
    "Bob's token": ("token bob", {}),
    "CoinTutor's key for Charlie": ("key cointutor", CLAIMS["charlie"]),
    "CoinTutor's key for its own Alice": ("key cointutor", CLAIMS["alice"]),
    "Charlie's token": ("token charlie", {}),
    "CoinTutor's key that claims DrillQuiz": ("key cointutor", {"system_id": "drillquiz", **CLAIMS["alice"]}),
    "Charlie's token that claims DrillQuiz": ("token charlie", {"system_id": "drillquiz"}),
    "Bob's token that claims to be Alice": ("token bob", CLAIMS["alice"]),
    "key of all systems that names none": ("key of all", CLAIMS["alice"]),
    "key of all systems that names an unknown one": ("key of all", {"system_id": "nobody", **CLAIMS["alice"]}),
    "publishable key": ("publishable", CLAIMS["alice"]),
    "no credential": ("none", {"system_id": "drillquiz", **CLAIMS["alice"]}),
}
NAMES = list(CREDENTIALS)
ALICE, BOB, OUTSIDERS = NAMES[:3], NAMES[3:5], NAMES[5:8]
NOBODY = dict(zip(NAMES[8:], [403, 403, 403, 400, 404, 401, 401], strict=True))
BY_TOKEN = [name for name in NAMES if "token" in name]


def everyone(status: int) -> dict[str, int]:
    """Whoever is somebody: it is about themselves."""
    return {**dict.fromkeys([*ALICE, *BOB, *OUTSIDERS], status), **NOBODY}


def alice_only(status: int) -> dict[str, int]:
    """It is a thing of Alice's, which for others does not exist."""
    return {**dict.fromkeys(ALICE, status), **dict.fromkeys([*BOB, *OUTSIDERS], 404), **NOBODY}


def keys_only(status: int, instead: int) -> dict[str, int]:
    """For servers: what is no key is answered `instead`."""
    return {**everyone(status), **dict.fromkeys(BY_TOKEN, instead)}


QUESTION = {"message": "Hello"}
# name of the URL: rows of method, body, status by credential
ROUTES: dict[str, list[tuple[str, dict[str, Any], dict[str, int]]]] = {
    "chat": [
        ("POST", QUESTION, everyone(200)),
        ("POST", {**QUESTION, "response_mode": "streaming"}, everyone(200)),
        ("POST", {**QUESTION, "conversation_id": "{conversation_id}"}, alice_only(200)),
        ("POST", {**QUESTION, "files": ["{file_id}"]}, alice_only(200)),
    ],
    "stop": [("POST", {}, alice_only(200))],
    "conversations": [("GET", {}, everyone(200)), ("GET", {"last_id": "{conversation_id}"}, alice_only(200))],
    "conversation": [("DELETE", {}, alice_only(204))],
    "messages": [("GET", {}, alice_only(200))],
    "name": [("POST", {"name": "New"}, alice_only(200))],
    "feedback": [("POST", {"rating": "like"}, alice_only(200)), ("POST", {"rating": None}, alice_only(200))],
    "suggested": [("GET", {}, alice_only(200))],
    "parameters": [("GET", {}, everyone(200))],
    "files": [("POST", {}, everyone(201))],
    # It is about a system: no user is needed, and none is looked at.
    "status": [("GET", {}, keys_only(200, 403))],
    # A publishable key needs an allowed origin.
    "chat-token": [("GET", {}, {**keys_only(200, 401), "publishable key": 403})],
    "sync": [("POST", {}, keys_only(200, 403))],
    # A server reads what is kept of its system's users, whoever they are, or of the one it names.
    "cache-conversations": [
        ("GET", {}, keys_only(200, 403)),
        ("GET", {"q": "Mine", "from_date": "2026-01-01"}, keys_only(200, 403)),
    ],
    "cache-messages": [("GET", {}, {**alice_only(200), **dict.fromkeys(BY_TOKEN, 403)})],
    "sync-me": [("POST", {}, {**everyone(200), **dict.fromkeys(set(NAMES[:13]) - set(BY_TOKEN), 403)})],
}


def api_urls() -> Iterator[URLPattern]:
    [api] = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == "v1/"]
    assert isinstance(api, URLResolver)
    yield from walk(api)


def walk(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from walk(entry)
        else:
            yield entry


PATHS = {url.name: f"/v1/{url.pattern}".replace("<str:", "{").replace(">", "}") for url in api_urls()}
CASES = [
    pytest.param(route, method, body, name, statuses[name], id=f"{route} {number} by {name}")
    for route, rows in ROUTES.items()
    if route in PATHS
    for number, (method, body, statuses) in enumerate(rows)
    for name in NAMES
]


class Things:
    """What Alice has, and everybody's credentials."""

    def __init__(self, drillquiz: System, cointutor: System, alice: Gateway) -> None:
        said = alice.say("Mine").json()
        self.ids = {name: said[name] for name in ("conversation_id", "message_id")}
        self.ids |= {"task_id": str(uuid.uuid4()), "file_id": alice.upload("a.png", b"x").json()["id"]}
        Message.objects.create(
            system=drillquiz, user_id="alice", query="Runs", task_id=self.ids["task_id"], created_at=timezone.now()
        )
        self.headers = {
            "key drillquiz": {"X-API-Key": ApiKey.issue(drillquiz)[1]},
            "key cointutor": {"X-API-Key": ApiKey.issue(cointutor)[1]},
            "key of all": {"X-API-Key": ApiKey.issue(None)[1]},
            "publishable": {"X-API-Key": ApiKey.issue(drillquiz, ApiKey.Kind.PUBLISHABLE)[1]},
            "token alice": bearer(drillquiz, "alice"),
            "token bob": bearer(drillquiz, "bob"),
            "token charlie": bearer(cointutor, "charlie"),
            "none": {},
        }

    def filled(self, body: dict[str, Any]) -> dict[str, Any]:
        file = {"type": "image", "transfer_method": "local_file", "upload_file_id": self.ids["file_id"]}
        text = json.dumps(body).replace('"{file_id}"', json.dumps(file))
        return json.loads(text.replace("{conversation_id}", self.ids["conversation_id"]))


def bearer(system: System, user_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.issue(system, user_id)[0]}"}


@pytest.fixture
def things(drillquiz: System, cointutor: System, alice: Gateway) -> Things:
    return Things(drillquiz, cointutor, alice)


def sent(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    client = Client(raise_request_exception=False)
    if method == "GET":
        return client.get(path, body, headers=headers)
    if path == "/v1/files":
        return client.post(path, {**body, "file": SimpleUploadedFile("a.png", b"x")}, headers=headers)
    return client.generic(method, path, json.dumps(body), "application/json", headers=headers)


@pytest.mark.parametrize(("route", "method", "body", "name", "status"), CASES)
def test_everybody_gets_what_is_theirs(
    things: Things, route: str, method: str, body: dict[str, Any], name: str, status: int
) -> None:
    credential, claimed = CREDENTIALS[name]
    path = PATHS[route].format(**things.ids)

    response = sent(method, path, {**claimed, **things.filled(body)}, things.headers[credential])

    if response.streaming:
        b"".join(response.streaming_content)
    assert response.status_code == status, response.content
    if status >= 400:
        assert {"detail", "code"} <= set(response.json())
        assert things.ids["conversation_id"] not in response.text
    if status == 404:
        assert response.json()["code"] == "not_found"
        assert Conversation.objects.get(conversation_id=things.ids["conversation_id"]).deleted_at is None


@pytest.mark.parametrize("name", [*BOB, *OUTSIDERS])
def test_nobody_sees_a_word_of_alices(things: Things, name: str) -> None:
    credential, claimed = CREDENTIALS[name]

    response = sent("GET", "/v1/conversations", claimed, things.headers[credential])

    assert response.json() == []


def test_every_url_of_the_api_has_its_rows() -> None:
    missing = {str(url.pattern) for url in api_urls() if url.name not in ROUTES}

    assert not missing, f"Add a row to ROUTES for {missing}."


def test_every_row_has_its_url() -> None:
    assert set(ROUTES) == set(PATHS)
