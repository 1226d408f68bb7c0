"""POST /v1/sync and POST /v1/sync/me."""

import pytest

from chatproxy import sync
from dify.standin.call import Call
from dify.standin.exchange import Response
from dify.standin.server import StandIn
from history.models import ChatUser, Conversation
from history.sync import lock
from tenants.models import ApiKey, System
from tests.conftest import caller_by_token
from tests.gateway import Gateway
from tests.upstream import answers, seed


@pytest.fixture
def server(drillquiz: System) -> Gateway:
    """DrillQuiz's own server, which speaks for nobody in particular."""
    return Gateway({"X-API-Key": ApiKey.issue(drillquiz)[1]})


def test_a_key_syncs_every_known_user_of_its_system(
    server: Gateway, alice: Gateway, bob: Gateway, charlie: Gateway, dify: StandIn
) -> None:
    for user in (alice, bob, charlie):
        user.say("Hello")
    seed(dify, "drillquiz_alice", 1, said=3)
    seed(dify, "cointutor_charlie", 2)

    response = server.post("/v1/sync")

    assert response.status_code == 200
    assert response.json() == {"conversations_synced": 3, "messages_synced": 5, "errors": []}
    assert Conversation.objects.filter(system="drillquiz").count() == 3
    assert Conversation.objects.filter(system="cointutor").count() == 1


def test_a_key_syncs_one_user_also_one_who_was_never_here(server: Gateway, dify: StandIn) -> None:
    seed(dify, "drillquiz_dora", 1, said=2)
    response = server.post("/v1/sync", user_id="dora")
    assert response.json() == {"conversations_synced": 1, "messages_synced": 2, "errors": []}
    assert ChatUser.objects.get().user_id == "dora"


def test_a_second_time_reads_only_the_list(server: Gateway, dify: StandIn) -> None:
    seed(dify, "drillquiz_alice", 1, 2)
    server.post("/v1/sync", user_id="alice")
    assert server.post("/v1/sync").json() == {"conversations_synced": 2, "messages_synced": 0, "errors": []}


def test_a_user_syncs_what_is_theirs(bob: Gateway, dify: StandIn) -> None:
    seed(dify, "drillquiz_alice", 1)
    seed(dify, "drillquiz_bob", 2)
    response = bob.post("/v1/sync/me")
    assert response.json() == {"conversations_synced": 1, "messages_synced": 1, "errors": []}
    assert Conversation.objects.get().user_id == "bob"


def test_whose_endpoint_is_whose(server: Gateway, alice: Gateway, bob: Gateway) -> None:
    for refused in (bob.post("/v1/sync"), alice.post("/v1/sync/me")):
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert server.post("/v1/sync", system_id="cointutor").status_code == 403
    assert bob.post("/v1/sync/me", user_id="alice").status_code == 403
    assert Gateway({}).post("/v1/sync").status_code == 401


def test_a_key_of_all_systems_says_which(drillquiz: System) -> None:
    everywhere = Gateway({"X-API-Key": ApiKey.issue(None)[1]})
    assert everywhere.post("/v1/sync").status_code == 400
    assert everywhere.post("/v1/sync", system_id="drillquiz").status_code == 200


def test_failures_are_named(server: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def page(call: Call) -> Response:
        return Response(200, b"<html>")

    answers(monkeypatch, "/v1/conversations", page)
    response = server.post("/v1/sync", user_id="alice")
    assert response.status_code == 200
    assert response.json() == {
        "conversations_synced": 0,
        "messages_synced": 0,
        "errors": ["drillquiz/alice: Dify's answer cannot be understood."],
    }


def test_a_system_without_a_dify_is_told_so(drillquiz: System) -> None:
    drillquiz.dify_base_url = ""
    drillquiz.save()
    response = caller_by_token(drillquiz, "bob").post("/v1/sync/me")
    assert (response.status_code, response.json()["code"]) == (503, "not_configured")


def test_while_another_sync_runs_it_says_when_to_try_again(bob: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "PATIENCE", 0.3)
    with lock.held():
        response = bob.post("/v1/sync/me")
    assert (response.status_code, response.json()["code"]) == (409, "sync_running")
    assert response.headers["Retry-After"] == "30"
    assert bob.post("/v1/sync/me").status_code == 200
