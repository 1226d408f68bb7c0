"""CORS by system: what a browser is shown, and what it is not."""

from typing import Any

import pytest

from tenants.models import System
from tests.browsers import DRILLQUIZ_SITE, ELSEWHERE, Page, allow, publishable_key, secret_key

COINTUTOR_SITE = "https://cointutor.example"


@pytest.fixture(autouse=True)
def _sites(drillquiz: System, cointutor: System) -> None:
    allow(drillquiz, DRILLQUIZ_SITE, "http://localhost:3000")
    allow(cointutor, COINTUTOR_SITE)


def shown_to(response: Any) -> str | None:
    """The origin whose pages a browser lets read the answer."""
    assert response.headers.get("Access-Control-Allow-Credentials") is None
    return response.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("origin", [DRILLQUIZ_SITE, "http://localhost:3000"])
def test_preflight_and_call_succeed_from_the_systems_origins(drillquiz: System, origin: str) -> None:
    page = Page(publishable_key(drillquiz), origin)

    preflight = page.preflight(system_id="drillquiz")
    assert (preflight.status_code, shown_to(preflight)) == (200, origin)
    assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"]
    assert "GET" in preflight.headers["Access-Control-Allow-Methods"]
    call = page.ask(system_id="drillquiz")
    assert (call.status_code, shown_to(call)) == (200, origin)
    assert "Origin" in call.headers["Vary"]


@pytest.mark.parametrize(
    "origin", [ELSEWHERE, COINTUTOR_SITE, "null", "*", DRILLQUIZ_SITE + ":8443", "https://", "\x00"]
)
def test_preflight_and_call_fail_from_other_origins(drillquiz: System, origin: str) -> None:
    page = Page(publishable_key(drillquiz), origin)

    preflight = page.preflight(system_id="drillquiz")
    assert (preflight.status_code, preflight.json()["code"]) == (403, "origin_not_allowed")
    assert shown_to(preflight) is None
    call = page.ask(system_id="drillquiz")
    assert (call.status_code, shown_to(call)) == (403, None)


def test_a_preflight_need_not_name_the_system(drillquiz: System) -> None:
    assert shown_to(Page("", DRILLQUIZ_SITE).preflight()) == DRILLQUIZ_SITE
    assert shown_to(Page("", ELSEWHERE).preflight()) is None


def test_the_call_goes_by_the_keys_system_whatever_it_claims(cointutor: System) -> None:
    """CoinTutor's key on DrillQuiz's page: the preflight knows no better, the call does."""
    page = Page(publishable_key(cointutor), DRILLQUIZ_SITE)

    for claimed in ({}, {"system_id": "drillquiz"}, {"system_id": "cointutor"}):
        response = page.ask(**claimed)
        assert (response.status_code, shown_to(response)) == (403, None)


def test_a_key_of_all_systems_goes_by_the_system_named(drillquiz: System) -> None:
    page = Page(publishable_key(None), DRILLQUIZ_SITE)

    assert shown_to(page.ask(system_id="drillquiz")) == DRILLQUIZ_SITE
    assert shown_to(page.ask(system_id="cointutor")) is None


@pytest.mark.parametrize("system_id", ["nobody", "DrillQuiz", "dr\x00ill", "a" * 300])
def test_an_unknown_system_allows_nothing(system_id: str) -> None:
    assert shown_to(Page("", DRILLQUIZ_SITE).preflight(system_id=system_id)) is None


def test_a_disabled_system_allows_nothing(drillquiz: System) -> None:
    drillquiz.enabled = False
    drillquiz.save()
    page = Page(publishable_key(drillquiz), DRILLQUIZ_SITE)

    assert shown_to(page.preflight(system_id="drillquiz")) is None
    assert shown_to(page.preflight()) is None
    assert shown_to(page.ask()) is None


def test_an_origin_that_is_taken_back_is_refused_at_once(drillquiz: System) -> None:
    page = Page(publishable_key(drillquiz), DRILLQUIZ_SITE)
    assert page.ask().status_code == 200

    allow(drillquiz, "http://localhost:3000")

    assert (page.ask().status_code, shown_to(page.ask())) == (403, None)


def test_the_page_can_read_why_it_was_refused(drillquiz: System) -> None:
    response = Page("pk_mistyped", DRILLQUIZ_SITE).ask(system_id="drillquiz")

    assert (response.status_code, shown_to(response)) == (401, DRILLQUIZ_SITE)


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/conversations", "/v1/status", "/schema", "/healthz"])
def test_nothing_else_is_open_to_other_origins(drillquiz: System, path: str) -> None:
    page = Page(secret_key(drillquiz), DRILLQUIZ_SITE)

    assert shown_to(page.preflight(path, system_id="drillquiz")) is None
    headers = {"X-API-Key": page.key, "Origin": DRILLQUIZ_SITE}
    assert shown_to(page.client.get(path, {"user_id": "alice"}, headers=headers)) is None
