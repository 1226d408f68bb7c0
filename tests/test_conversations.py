"""GET /v1/conversations, and renaming and deleting one."""

import re
import uuid
from typing import Any

import pytest
from django.conf import LazySettings

from dify.standin.profiles import CHAT
from dify.standin.server import StandIn, running_standin
from history.models import Conversation
from tenants.models import System
from tests.gateway import Gateway
from tests.raw_server import RawServer, http
from tests.upstream import LONG_AGO, answers, listing

NOWHERE = "http://127.0.0.1:1/v1"
URLS = "/v1/conversations"


def begun(gateway: Gateway, message: str = "Hello") -> str:
    return str(gateway.say(message).json()["conversation_id"])


def older_conversations(dify: StandIn, number: int, user: str = "drillquiz_alice") -> list[str]:
    """Of a time before the gateway, newest first."""
    times = range(1_700_000_000 + number, 1_700_000_000, -1)
    return [dify.store.add_conversation(CHAT.id, user, created_at=at).id for at in times]


def pages(gateway: Gateway, limit: int) -> list[list[str]]:
    """Every page, by following the Link header as it is."""
    found = []
    response = gateway.get(URLS, limit=limit)
    while True:
        found.append([row["id"] for row in response.json()])
        link = response.headers.get("Link")
        if not link:
            return found
        address = re.fullmatch(r'<http://testserver(.+)>; rel="next"', link)
        assert address
        response = gateway.client.get(address[1], headers=gateway.headers)


def disconnect(system: System) -> None:
    system.dify_base_url = NOWHERE
    system.save()


def test_it_is_a_plain_list_of_the_callers_own(alice: Gateway, bob: Gateway, charlie: Gateway) -> None:
    mine = begun(alice, "About ledgers")
    begun(bob)
    begun(charlie)

    response = alice.get(URLS)

    [row] = response.json()
    assert set(row) == {"id", "name", "created_at", "updated_at"}
    assert (row["id"], row["name"]) == (mine, "About ledgers")
    assert isinstance(row["created_at"], int)
    assert not response.has_header("X-Gateway-Source")


def test_a_user_without_conversations_gets_an_empty_list(alice: Gateway) -> None:
    response = alice.get(URLS)

    assert (response.status_code, response.json()) == (200, [])
    assert not response.has_header("Link")


@pytest.mark.parametrize(("limit", "sizes"), [(2, [2, 2, 1]), (5, [5]), (100, [5]), (1, [1] * 5)])
def test_the_link_header_leads_through_all_pages(alice: Gateway, dify: StandIn, limit: int, sizes: list[int]) -> None:
    everything = older_conversations(dify, 5)

    found = pages(alice, limit)

    assert [len(page) for page in found] == sizes
    assert [row for page in found for row in page] == everything


def test_twenty_are_listed_if_no_limit_is_given(alice: Gateway, dify: StandIn) -> None:
    older_conversations(dify, 25)

    assert len(alice.get(URLS).json()) == 20


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"limit": -1}, {"last_id": "x"}])
def test_bad_paging_is_400_and_dify_is_not_asked(alice: Gateway, dify: StandIn, query: dict[str, Any]) -> None:
    response = alice.get(URLS, **query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert list(response.json()["errors"]) == list(query)
    assert not dify.requests


def test_an_unknown_last_id_is_404(alice: Gateway) -> None:
    assert alice.get(URLS, last_id=uuid.uuid4()).status_code == 404


def test_another_users_last_id_is_404(alice: Gateway, bob: Gateway) -> None:
    assert bob.get(URLS, last_id=begun(alice)).status_code == 404


def test_the_list_is_served_from_the_ledger_when_dify_is_down(alice: Gateway, bob: Gateway, drillquiz: System) -> None:
    one, two = begun(alice, "One"), begun(alice, "Two")
    begun(bob)
    live = alice.get(URLS).json()
    disconnect(drillquiz)

    response = alice.get(URLS)

    assert (response.status_code, response["X-Gateway-Source"]) == (200, "cache")
    assert {row["id"]: row["name"] for row in response.json()} == {one: "One", two: "Two"}
    assert sorted(map(str, response.json())) == sorted(map(str, live))


def test_the_ledger_takes_over_difys_times(alice: Gateway, dify: StandIn) -> None:
    """The gateway's clock was before Dify's, or the second ended between them."""
    mine = begun(alice)
    dify.store.conversations[mine].created_at += 5
    [live] = alice.get(URLS).json()

    assert Conversation.objects.get().created_at.timestamp() == live["created_at"]


def test_times_that_come_as_text_are_read(alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"id": "c1", "name": "One", "created_at": "2026-01-02T03:04:05Z", "updated_at": str(LONG_AGO)}
    answers(monkeypatch, "/v1/conversations", lambda call: listing(row))

    [shown] = alice.get(URLS).json()

    assert (shown["created_at"], shown["updated_at"]) == (1_767_323_045, LONG_AGO)


@pytest.mark.parametrize(
    "row",
    [
        {"created_at": None, "updated_at": None},
        {"created_at": LONG_AGO, "updated_at": "yesterday"},
        {"id": "x" * 65},
        {"id": "x\0"},
        {"name": ""},
        {"name": None},
    ],
    ids=["no times", "no time", "long id", "NUL", "no name", "null name"],
)
def test_a_row_that_cannot_be_used_harms_nothing_that_is_kept(
    alice: Gateway, dify: StandIn, drillquiz: System, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    mine = begun(alice, "One")
    [good] = alice.get(URLS).json()
    answers(monkeypatch, "/v1/conversations", lambda call: listing(good | row))

    assert alice.get(URLS).status_code == 200
    disconnect(drillquiz)
    assert alice.get(URLS).json() == [good]
    assert good["id"] == mine


def test_the_ledger_is_paged_like_dify(alice: Gateway, dify: StandIn, drillquiz: System) -> None:
    everything = older_conversations(dify, 5)
    alice.get(URLS)
    disconnect(drillquiz)

    assert pages(alice, 2) == [everything[:2], everything[2:4], everything[4:]]
    assert alice.get(URLS, last_id=uuid.uuid4()).status_code == 404


def refusing(status: int) -> RawServer:
    return RawServer(lambda _: [http(status, b'{"code": "on_purpose", "message": "no", "status": 0}')])


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_dify_that_fails_counts_as_down(alice: Gateway, drillquiz: System, status: int) -> None:
    mine = begun(alice)
    with refusing(status) as failing:
        drillquiz.dify_base_url = failing.url
        drillquiz.save()
        response = alice.get(URLS)

    assert ([row["id"] for row in response.json()], response["X-Gateway-Source"]) == ([mine], "cache")


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_clear_no_from_dify_is_passed_on(alice: Gateway, drillquiz: System, status: int) -> None:
    begun(alice)
    with refusing(status) as strict:
        drillquiz.dify_base_url = strict.url
        drillquiz.save()
        response = alice.get(URLS)

    assert (response.status_code, response.json()["dify_code"]) == (502, "on_purpose")


def test_a_dify_that_is_too_slow_counts_as_down(alice: Gateway, drillquiz: System, settings: LazySettings) -> None:
    settings.DIFY_READ_TIMEOUT = 0.2
    mine = begun(alice)
    with RawServer(lambda _: [], hangs=True) as silent:
        drillquiz.dify_base_url = silent.url
        drillquiz.save()
        response = alice.get(URLS)

    assert ([row["id"] for row in response.json()], response["X-Gateway-Source"]) == ([mine], "cache")


def test_without_dify_configured_it_says_so(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_base_url = ""
    drillquiz.save()

    assert (alice.get(URLS).status_code, alice.get(URLS).json()["code"]) == (503, "not_configured")


# Renaming -----------------------------------------------------------------------------------------------------


def test_renaming_changes_it_in_dify_and_in_the_ledger(alice: Gateway, dify: StandIn) -> None:
    mine = begun(alice)

    response = alice.post(f"{URLS}/{mine}/name", name="원장 이야기")

    assert (response.status_code, response.json()["id"], response.json()["name"]) == (200, mine, "원장 이야기")
    assert dify.store.conversations[mine].name == "원장 이야기"
    assert Conversation.objects.get().name == "원장 이야기"


def test_dify_can_find_a_name(alice: Gateway) -> None:
    mine = begun(alice, "About ledgers")
    alice.post(f"{URLS}/{mine}/name", name="Other")

    assert alice.post(f"{URLS}/{mine}/name", auto_generate=True).json()["name"] == "About ledgers"


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 256}, {"name": ["x"]}, {"name": None}])
def test_a_bad_name_is_400(alice: Gateway, dify: StandIn, body: dict[str, Any]) -> None:
    mine = begun(alice)
    dify.requests.clear()

    response = alice.post(f"{URLS}/{mine}/name", **body)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert not dify.requests


# Deleting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.15.3", "1.13.2"])
def test_a_deleted_conversation_is_gone_and_the_copy_is_marked(alice: Gateway, drillquiz: System, version: str) -> None:
    with running_standin(version) as standin:
        drillquiz.dify_base_url = standin.url
        drillquiz.save()
        mine = begun(alice)
        response = alice.delete(f"{URLS}/{mine}")

        assert (response.status_code, response.content) == (204, b"")
        assert mine not in standin.store.conversations
        assert Conversation.objects.get().deleted_at is not None
        assert alice.get(URLS).json() == []
        assert alice.get(f"{URLS}/{mine}/messages").status_code == 404
        assert alice.say("More", conversation_id=mine).status_code == 404
        assert alice.delete(f"{URLS}/{mine}").status_code == 404


def test_a_deleted_conversation_stays_gone_when_dify_is_down(alice: Gateway, drillquiz: System) -> None:
    mine = begun(alice)
    alice.delete(f"{URLS}/{mine}")
    disconnect(drillquiz)

    assert alice.get(URLS).json() == []
    assert alice.get(f"{URLS}/{mine}/messages").status_code == 404


def test_nothing_is_marked_deleted_if_dify_cannot_be_told(alice: Gateway, drillquiz: System) -> None:
    mine = begun(alice)
    disconnect(drillquiz)

    assert alice.delete(f"{URLS}/{mine}").status_code == 502
    assert Conversation.objects.get().deleted_at is None


# Somebody else's ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["in the ledger", "older than the gateway"])
def test_somebody_elses_can_be_neither_renamed_nor_deleted(
    alice: Gateway, bob: Gateway, charlie: Gateway, dify: StandIn, known: bool
) -> None:
    mine = begun(alice, "Mine")
    if not known:
        Conversation.objects.all().delete()

    for other in (bob, charlie):
        assert other.post(f"{URLS}/{mine}/name", name="Yours").status_code == 404
        assert other.delete(f"{URLS}/{mine}").status_code == 404

    assert dify.store.conversations[mine].name == "Mine"


@pytest.mark.parametrize("unknown", [str(uuid.uuid4()), "not-a-uuid", "x" * 3000, "..", "%2e%2e"])
def test_an_unknown_id_is_404(alice: Gateway, unknown: str) -> None:
    for response in (alice.post(f"{URLS}/{unknown}/name", name="x"), alice.delete(f"{URLS}/{unknown}")):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
