"""GET /v1/chat-token."""

import hashlib
import hmac
import time
from datetime import timedelta
from typing import Any

import pytest

from tenants import tokens
from tenants.models import SigningSecret, System
from tests.browsers import DRILLQUIZ_SITE, ELSEWHERE, Page, allow, publishable_key, secret_key


@pytest.fixture
def page(drillquiz: System) -> Page:
    """DrillQuiz's own page, with DrillQuiz's publishable key."""
    return Page(publishable_key(allow(drillquiz, DRILLQUIZ_SITE)))


@pytest.fixture
def server(drillquiz: System) -> Page:
    """DrillQuiz's backend, with its secret key."""
    return Page(secret_key(drillquiz), origin=None)


def proof(system: System, user_id: str) -> str:
    """As the guides tell integrators to make it."""
    return hmac.new(system.identity_secret.reveal().encode(), user_id.encode(), hashlib.sha256).hexdigest()


def subject(response: Any) -> tuple[str, str]:
    assert response.status_code == 200, response.content
    caller = tokens.verified(response.json()["token"])
    return caller.system.system_id, caller.user_id


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


# Who may have a token -----------------------------------------------------------------------------------------


def test_a_server_gets_a_token_for_any_user_of_its_system(server: Page) -> None:
    response = server.ask(system_id="drillquiz", user_id="alice")

    assert subject(response) == ("drillquiz", "alice")
    assert set(response.json()) == {"token", "expires_at"}


def test_the_system_may_be_left_out_with_a_key_of_one_system(server: Page) -> None:
    assert subject(server.ask(user_id="alice")) == ("drillquiz", "alice")


def test_a_page_gets_a_token_for_the_user_it_proves(page: Page, drillquiz: System) -> None:
    response = page.ask(system_id="drillquiz", user_id="alice", user_hash=proof(drillquiz, "alice"))

    assert subject(response) == ("drillquiz", "alice")
    assert set(response.json()) == {"token", "expires_at"}


def test_the_proof_works_for_user_ids_in_any_script(page: Page, drillquiz: System) -> None:
    response = page.ask(user_id="앨리스 Ü", user_hash=proof(drillquiz, "앨리스 Ü").upper())

    assert subject(response) == ("drillquiz", "앨리스 Ü")


@pytest.mark.parametrize("user_hash", ["", "0" * 64, "nonsense", "ü" * 64])
def test_a_page_cannot_name_a_user_without_the_right_proof(page: Page, user_hash: str) -> None:
    response = page.ask(user_id="alice", user_hash=user_hash)

    assert refusal(response) == (403, "permission_denied")
    assert "HMAC-SHA256" in response.json()["detail"]


def test_the_proof_of_one_user_is_no_proof_of_another(page: Page, drillquiz: System) -> None:
    response = page.ask(user_id="bob", user_hash=proof(drillquiz, "alice"))

    assert refusal(response) == (403, "permission_denied")


def test_the_proof_of_one_system_is_none_in_another(page: Page, cointutor: System) -> None:
    response = page.ask(user_id="alice", user_hash=proof(cointutor, "alice"))

    assert refusal(response) == (403, "permission_denied")


def test_a_system_can_do_without_proof(page: Page, drillquiz: System) -> None:
    System.objects.filter(pk="drillquiz").update(identity_proof=False)

    assert subject(page.ask(user_id="alice")) == ("drillquiz", "alice")


def test_a_lost_identity_secret_proves_nobody(page: Page, drillquiz: System) -> None:
    """With an empty secret anybody could make the proof."""
    drillquiz.identity_secret = ""
    drillquiz.save()
    with_empty_secret = hmac.new(b"", b"alice", hashlib.sha256).hexdigest()

    assert refusal(page.ask(user_id="alice", user_hash=with_empty_secret)) == (503, "not_configured")


def test_the_admin_says_what_it_means_to_do_without_proof() -> None:
    help_text = System._meta.get_field("identity_proof").help_text

    assert "anyone" in help_text
    assert "guess" in help_text


def test_another_systems_key_gets_nothing(cointutor: System, drillquiz: System) -> None:
    stranger = Page(secret_key(cointutor), origin=None)

    assert refusal(stranger.ask(system_id="drillquiz", user_id="alice")) == (403, "permission_denied")


def test_a_key_of_all_systems_says_which_one_it_means(drillquiz: System) -> None:
    everywhere = Page(secret_key(None), origin=None)

    assert subject(everywhere.ask(system_id="drillquiz", user_id="alice")) == ("drillquiz", "alice")
    assert refusal(everywhere.ask(user_id="alice")) == (400, "invalid")


def test_no_key_and_a_wrong_key_get_nothing(drillquiz: System) -> None:
    assert refusal(Page("pk_wrong").ask(user_id="alice")) == (401, "not_authenticated")
    assert Page("").client.get("/v1/chat-token").status_code == 401


def test_a_token_does_not_buy_another_token(drillquiz: System) -> None:
    token, _ = tokens.issue(drillquiz, "alice")
    response = Page("").client.get("/v1/chat-token", headers={"Authorization": f"Bearer {token}"})

    assert refusal(response) == (401, "not_authenticated")


def test_a_publishable_key_does_nothing_else(page: Page) -> None:
    response = page.client.get("/v1/conversations?user_id=alice", headers={"X-API-Key": page.key})

    assert refusal(response) == (401, "not_authenticated")


@pytest.mark.parametrize("user_id", [" ", "a" * 257, "a\x00b", "line\u2028break"])
def test_it_refuses_an_impossible_user_id(server: Page, user_id: str) -> None:
    response = server.ask(user_id=user_id)

    assert refusal(response) == (400, "invalid")
    assert list(response.json()["errors"]) == ["user_id"]


def test_a_disabled_system_gives_no_tokens(server: Page, drillquiz: System) -> None:
    drillquiz.enabled = False
    drillquiz.save()

    assert refusal(server.ask(user_id="alice")) == (403, "permission_denied")


def test_a_system_without_a_signing_secret_hears_what_is_missing(server: Page, drillquiz: System) -> None:
    SigningSecret.objects.filter(system=drillquiz).delete()

    response = server.ask(user_id="alice")

    assert refusal(response) == (503, "not_configured")
    assert "signing secret" in response.json()["detail"]


# Where from ---------------------------------------------------------------------------------------------------


def test_a_publishable_key_works_on_allowed_origins_only(drillquiz: System) -> None:
    key = publishable_key(allow(drillquiz, DRILLQUIZ_SITE))

    assert Page(key, DRILLQUIZ_SITE).ask().status_code == 200
    assert refusal(Page(key, ELSEWHERE).ask()) == (403, "origin_not_allowed")
    assert refusal(Page(key, DRILLQUIZ_SITE + ":8443").ask()) == (403, "origin_not_allowed")
    assert refusal(Page(key, "null").ask()) == (403, "origin_not_allowed")


def test_a_publishable_key_is_useless_without_an_origin(page: Page) -> None:
    assert refusal(Page(page.key, origin=None).ask()) == (403, "origin_not_allowed")


def test_a_secret_key_that_leaked_into_a_page_works_on_allowed_origins_only(server: Page) -> None:
    assert refusal(Page(server.key, ELSEWHERE).ask(user_id="alice")) == (403, "origin_not_allowed")


def test_an_origin_of_one_system_is_none_of_anothers(drillquiz: System, cointutor: System) -> None:
    allow(drillquiz, DRILLQUIZ_SITE)
    key = publishable_key(allow(cointutor, "https://cointutor.example"))

    assert refusal(Page(key, DRILLQUIZ_SITE).ask()) == (403, "origin_not_allowed")


# Logged-out visitors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", [{}, {"user_id": "anonymous"}, {"user_id": ""}])
def test_each_logged_out_visitor_is_somebody_else(page: Page, identity: dict[str, str]) -> None:
    first, second = page.ask(**identity), page.ask(**identity)

    assert set(first.json()) == {"token", "expires_at", "visitor"}
    assert subject(first)[1].startswith("anonymous-")
    assert subject(first) != subject(second)


def test_a_visitor_who_comes_back_is_the_same(page: Page) -> None:
    first = page.ask()
    again = page.ask(visitor=first.json()["visitor"])

    assert subject(again) == subject(first)
    assert again.json()["visitor"] == first.json()["visitor"]


def test_a_visitor_cannot_be_claimed_by_their_user_id(page: Page) -> None:
    victim = subject(page.ask())[1]
    random_part = victim.removeprefix("anonymous-")

    for forged in (victim, random_part, f"{random_part}:", f"{random_part}:forged"):
        assert subject(page.ask(visitor=forged))[1] != victim
    assert refusal(page.ask(user_id=victim)) == (403, "permission_denied")


def test_even_without_proof_nobody_claims_a_visitor_by_user_id(page: Page, drillquiz: System) -> None:
    System.objects.filter(pk="drillquiz").update(identity_proof=False)

    assert refusal(page.ask(user_id="anonymous-0123")) == (403, "permission_denied")


def test_a_visitor_of_one_system_is_a_stranger_in_another(page: Page, cointutor: System) -> None:
    other = Page(publishable_key(allow(cointutor, DRILLQUIZ_SITE)))
    first = page.ask()

    assert subject(other.ask(visitor=first.json()["visitor"]))[1] != subject(first)[1]


def test_a_server_may_name_a_visitor(server: Page) -> None:
    assert subject(server.ask(user_id="anonymous-42")) == ("drillquiz", "anonymous-42")


# The answer ---------------------------------------------------------------------------------------------------


def test_a_token_lives_for_a_day_unless_the_system_says_otherwise(server: Page, drillquiz: System) -> None:
    assert server.ask(user_id="alice").json()["expires_at"] == pytest.approx(time.time() + 86_400, abs=5)

    drillquiz.token_lifetime = timedelta(minutes=10)
    drillquiz.save()

    answer = server.ask(user_id="alice").json()
    assert answer["expires_at"] == pytest.approx(time.time() + 600, abs=5)
    assert tokens.unverified(answer["token"])[1]["exp"] == answer["expires_at"]


def test_the_texts_come_only_when_asked_for(server: Page) -> None:
    answer = server.ask(user_id="alice", lang="en").json()

    assert set(answer) == {"token", "expires_at", "ui"}
    assert set(answer["ui"]) == {"title", "close", "open", "tokenError", "loading"}
    assert answer["ui"]["open"] == "Open chat"


@pytest.mark.parametrize("lang", ["tlh", "xx-YY", "../../etc", "e" * 5000, "\x00"])
def test_a_language_nobody_here_speaks_is_answered_in_english(server: Page, lang: str) -> None:
    assert server.ask(user_id="alice", lang=lang).json()["ui"]["close"] == "Close chat"


@pytest.mark.parametrize(
    ("lang", "close"),
    [
        ("ko", "채팅 닫기"),
        ("ko-KR", "채팅 닫기"),
        ("ja", "チャットを閉じる"),
        ("zh", "关闭聊天"),
        ("zh-CN", "关闭聊天"),
        ("es-MX", "Cerrar el chat"),
    ],
)
def test_the_texts_are_in_the_language_asked_for(server: Page, lang: str, close: str) -> None:
    assert server.ask(user_id="alice", lang=lang).json()["ui"]["close"] == close


def test_neither_answers_nor_errors_are_kept_by_caches(page: Page) -> None:
    for response in (page.ask(), page.ask(user_id="alice")):
        assert response.headers["Cache-Control"] == "no-store"
        assert {"Origin", "X-API-Key"} <= set(response.headers["Vary"].split(", "))
