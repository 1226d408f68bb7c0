"""GET /v1/status."""

import pytest
from django.conf import LazySettings

from dify.standin.server import StandIn
from tenants.models import ApiKey, System
from tests.gateway import Gateway
from tests.raw_server import RawServer


def test_a_dify_that_answers_is_reachable(alice: Gateway) -> None:
    status = alice.get("/v1/status").json()

    assert (status["system_id"], status["configured"], status["reachable"]) == ("drillquiz", True, True)
    assert status["latency_ms"] >= 0


@pytest.mark.parametrize(
    ("field", "value", "detail"),
    [
        ("dify_base_url", "http://127.0.0.1:1/v1", "reached"),
        ("dify_base_url", "http://169.254.169.254/", "not allowed"),
        ("dify_api_key", "app-wrong", "refused"),
        ("dify_api_key", "app-demo-disabled", "refused"),
    ],
)
def test_it_says_why_dify_does_not_answer(
    alice: Gateway, drillquiz: System, field: str, value: str, detail: str
) -> None:
    setattr(drillquiz, field, value)
    drillquiz.save()

    response = alice.get("/v1/status")

    status = response.json()
    assert (response.status_code, status["configured"], status["reachable"]) == (200, True, False)
    assert status["latency_ms"] is None
    assert detail in status["detail"]
    assert "app-wrong" not in response.text


def test_a_dify_that_stays_silent_is_not_reachable(alice: Gateway, drillquiz: System, settings: LazySettings) -> None:
    settings.DIFY_READ_TIMEOUT = 0.2
    with RawServer(lambda _: [], hangs=True) as silent:
        drillquiz.dify_base_url = silent.url
        drillquiz.save()
        status = alice.get("/v1/status").json()

    assert (status["configured"], status["reachable"]) == (True, False)


@pytest.mark.parametrize("field", ["dify_base_url", "dify_api_key"])
def test_a_system_without_dify_is_not_configured(alice: Gateway, drillquiz: System, field: str) -> None:
    setattr(drillquiz, field, "")
    drillquiz.save()

    response = alice.get("/v1/status")

    assert (response.status_code, response.json()["configured"], response.json()["reachable"]) == (200, False, False)


def test_a_key_of_all_systems_must_say_which(alice: Gateway, cointutor: System, dify: StandIn) -> None:
    alice.headers = {"X-API-Key": ApiKey.issue(None)[1]}

    assert alice.get("/v1/status").status_code == 400
    assert alice.get("/v1/status", system_id="cointutor").json()["system_id"] == "cointutor"
    assert alice.get("/v1/status", system_id="nobody").status_code == 404


def test_no_user_is_needed(alice: Gateway) -> None:
    alice.identity = {}

    assert alice.get("/v1/status").status_code == 200


def test_a_token_is_not_enough(bob: Gateway) -> None:
    response = bob.get("/v1/status")

    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
