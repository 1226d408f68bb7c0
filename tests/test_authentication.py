"""Who is let in, and what those hear who are not. Keys and tokens alike: JSON, 401 or 403, and Dify hears nothing."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import LazySettings
from django.utils import timezone

from dify.standin.server import StandIn
from history.models import Message
from tenants import tokens
from tenants.models import ApiKey, SigningSecret, System
from tests.conftest import caller_by_key
from tests.gateway import Gateway

Check = Callable[[Any, int, str], None]
ALICE = {"user_id": "alice"}


def says(headers: dict[str, str], **identity: Any) -> Any:
    return Gateway(headers, **identity).say("Hello")


def by_key(key: str) -> Any:
    return says({"X-API-Key": key}, **ALICE)


def by_token(token: str) -> Any:
    return says({"Authorization": f"Bearer {token}"})


@pytest.fixture
def refused(dify: StandIn) -> Check:
    """Asserts that an answer is the contract's no, and that nobody but the caller heard of it."""

    def check(response: Any, status: int, code: str) -> None:
        answer = response.json()
        assert (response.status_code, answer["code"]) == (status, code), answer
        assert set(answer) == {"detail", "code"}
        assert (response["Content-Type"], bool(response["X-Request-ID"])) == ("application/json", True)
        assert status != 401 or response["WWW-Authenticate"] == "Bearer"
        assert not dify.requests
        assert not Message.objects.exists()

    return check


# Keys ---------------------------------------------------------------------------------------------------------


def test_a_live_key_is_let_in(drillquiz: System) -> None:
    assert by_key(ApiKey.issue(drillquiz)[1]).status_code == 200


def test_two_keys_live_at_once_and_one_can_be_adopted(drillquiz: System) -> None:
    ApiKey.adopt(drillquiz, "an-old-key-of-theirs")

    assert by_key("an-old-key-of-theirs").status_code == 200
    assert by_key(ApiKey.issue(drillquiz)[1]).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "sk_wrong", "x" * 20_000, "sk_키", "' OR 1=1; --", "null", "sk_\x00"])
def test_a_wrong_key_is_refused(refused: Check, drillquiz: System, key: str) -> None:
    ApiKey.issue(drillquiz)

    refused(by_key(key), 401, "not_authenticated")


def test_a_key_is_refused_with_one_letter_more_or_less(refused: Check, drillquiz: System) -> None:
    key = ApiKey.issue(drillquiz)[1]

    for wrong in (key[:-1], key + "x", key.upper(), key.swapcase()):
        refused(by_key(wrong), 401, "not_authenticated")


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_a_revoked_or_expired_key_is_refused_at_once(drillquiz: System, field: str) -> None:
    key, text = ApiKey.issue(drillquiz)
    assert Gateway({"X-API-Key": text}, **ALICE).get("/v1/conversations", user_id="alice").status_code == 200
    setattr(key, field, timezone.now() - timedelta(seconds=1))
    key.save()

    response = Gateway({"X-API-Key": text}, **ALICE).say("Hello")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert not Message.objects.exists()


def test_a_key_that_will_expire_is_let_in(drillquiz: System) -> None:
    assert by_key(ApiKey.issue(drillquiz, expires_at=timezone.now() + timedelta(hours=1))[1]).status_code == 200


def test_another_systems_key_is_refused(refused: Check, drillquiz: System, cointutor: System) -> None:
    response = says({"X-API-Key": ApiKey.issue(cointutor)[1]}, system_id="drillquiz", **ALICE)

    refused(response, 403, "permission_denied")


def test_a_publishable_key_is_refused(refused: Check, drillquiz: System) -> None:
    refused(by_key(ApiKey.issue(drillquiz, ApiKey.Kind.PUBLISHABLE)[1]), 401, "not_authenticated")


def test_a_key_of_all_systems_must_say_which_or_is_refused(refused: Check, drillquiz: System) -> None:
    key = {"X-API-Key": ApiKey.issue(None)[1]}

    refused(says(key, system_id="nobody", **ALICE), 404, "not_found")
    assert says(key, **ALICE).json()["errors"] == {"system_id": ["This key is for all systems: say which one."]}


def test_a_key_of_all_systems_speaks_for_the_one_it_names(drillquiz: System, cointutor: System, dify: StandIn) -> None:
    key = {"X-API-Key": ApiKey.issue(None)[1]}

    assert says(key, system_id="cointutor", **ALICE).status_code == 200
    assert dify.requests[-1].json["user"] == "cointutor_alice"


def test_no_credential_is_refused(refused: Check, drillquiz: System) -> None:
    refused(says({}, **ALICE), 401, "not_authenticated")


def test_a_disabled_system_is_refused(refused: Check, drillquiz: System, alice: Gateway, bob: Gateway) -> None:
    drillquiz.enabled = False
    drillquiz.save()

    for who in (alice, bob):
        refused(who.say("Hello"), 403, "permission_denied")


def test_a_cookie_lets_nobody_in(refused: Check, drillquiz: System, admin_client: Any) -> None:
    refused(admin_client.get("/v1/conversations?system_id=drillquiz&user_id=alice"), 401, "not_authenticated")


# Tokens -------------------------------------------------------------------------------------------------------


def secret_of(system: System) -> str:
    return system.signing_secrets.get().secret.reveal()


def signed(system: System, *, secret: str = "", algorithm: str = "HS256", **claims: Any) -> str:
    """A good token, but for what is given; None leaves a claim out."""
    expires = int((timezone.now() + timedelta(hours=1)).timestamp())
    payload = {"system_id": system.system_id, "user_id": "alice", "exp": expires, **claims}
    kept = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(kept, secret or secret_of(system), algorithm=algorithm)


def in_seconds(seconds: float) -> int:
    return int(timezone.now().timestamp() + seconds)


def unsigned(algorithm: str, payload: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm, "typ": "JWT"}, payload)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def test_a_good_token_is_let_in(drillquiz: System, dify: StandIn) -> None:
    assert by_token(signed(drillquiz)).status_code == 200
    assert dify.requests[-1].json["user"] == "drillquiz_alice"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": None}, "token_invalid"),
        ({"exp": "tomorrow"}, "token_invalid"),
        ({"exp": True}, "token_expired"),
        ({"exp": -1}, "token_expired"),
        ({"exp": 1e400}, "token_invalid"),
        ({"exp": 10**12}, "token_invalid"),
        ({"user_id": None}, "token_invalid"),
        ({"user_id": ""}, "token_invalid"),
        ({"user_id": ["alice"]}, "token_invalid"),
        ({"user_id": "x" * 257}, "token_invalid"),
        ({"user_id": "a\nb"}, "token_invalid"),
        ({"system_id": None}, "token_invalid"),
        ({"system_id": "nobody"}, "token_invalid"),
        ({"system_id": ["drillquiz"]}, "token_invalid"),
        ({"system_id": "DrillQuiz"}, "token_invalid"),
    ],
    ids=str,
)
def test_a_token_with_odd_claims_is_refused(
    refused: Check, drillquiz: System, claims: dict[str, Any], code: str
) -> None:
    refused(by_token(signed(drillquiz, **claims)), 401, code)


def test_an_expired_token_is_refused(refused: Check, drillquiz: System) -> None:
    refused(by_token(signed(drillquiz, exp=in_seconds(-31))), 401, "token_expired")


def test_a_token_of_the_far_future_is_refused(refused: Check, drillquiz: System) -> None:
    refused(by_token(signed(drillquiz, exp=in_seconds(31 * 86400))), 401, "token_invalid")


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_of_tomorrow_is_refused(refused: Check, drillquiz: System, claim: str) -> None:
    refused(by_token(signed(drillquiz, **dict[str, Any]({claim: in_seconds(60)}))), 401, "token_invalid")


def test_clocks_may_differ_by_half_a_minute(drillquiz: System) -> None:
    token = signed(drillquiz, exp=in_seconds(-20), nbf=in_seconds(20), iat=in_seconds(20))

    assert by_token(token).status_code == 200


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_of_another_algorithm_is_refused(refused: Check, drillquiz: System, algorithm: str) -> None:
    refused(by_token(signed(drillquiz, algorithm=algorithm)), 401, "token_invalid")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS256", "XX"])
def test_an_unsigned_token_is_refused(refused: Check, drillquiz: System, algorithm: str) -> None:
    payload = {"system_id": "drillquiz", "user_id": "alice", "exp": in_seconds(60)}

    refused(by_token(unsigned(algorithm, payload)), 401, "token_invalid")


def test_another_systems_secret_is_refused(refused: Check, drillquiz: System, cointutor: System) -> None:
    refused(by_token(signed(drillquiz, secret=secret_of(cointutor))), 401, "token_invalid")


def test_the_shared_secret_is_refused_where_a_system_has_its_own(
    refused: Check, drillquiz: System, settings: LazySettings
) -> None:
    settings.CHAT_GATEWAY_JWT_SECRET = "shared" * 8

    refused(by_token(signed(drillquiz, secret="shared" * 8)), 401, "token_invalid")


def test_the_shared_secret_counts_where_a_system_has_none(drillquiz: System, settings: LazySettings) -> None:
    settings.CHAT_GATEWAY_JWT_SECRET = "shared" * 8
    token = signed(drillquiz, secret="shared" * 8)
    SigningSecret.objects.all().delete()

    assert by_token(token).status_code == 200


def test_without_any_secret_every_token_is_refused(refused: Check, drillquiz: System) -> None:
    token = signed(drillquiz)
    SigningSecret.objects.all().delete()

    refused(by_token(token), 401, "token_invalid")


def test_a_retired_secret_is_refused_and_the_new_one_counts(drillquiz: System) -> None:
    old = drillquiz.signing_secrets.get()
    old_token = signed(drillquiz, secret=old.secret.reveal())
    new = SigningSecret.objects.create(system=drillquiz)
    assert by_token(old_token).status_code == 200
    old.retired_at = timezone.now()
    old.save()
    Message.objects.all().delete()

    assert (by_token(old_token).status_code, Message.objects.count()) == (401, 0)
    assert by_token(signed(drillquiz, secret=new.secret.reveal())).status_code == 200


def test_issuer_and_audience_count_where_the_system_asks_for_them(drillquiz: System) -> None:
    drillquiz.jwt_issuer, drillquiz.jwt_audience = "https://quiz.example.com", "chat"
    drillquiz.save()

    assert by_token(signed(drillquiz, iss="https://quiz.example.com", aud="chat")).status_code == 200
    for wrong in ({}, {"iss": "https://quiz.example.com"}, {"iss": "https://evil.example.com", "aud": "chat"}):
        assert by_token(signed(drillquiz, **wrong)).json()["code"] == "token_invalid"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer " + "x" * 20_000,
        "Bearer " + "." * 5000,
        "Bearer 한글",
        "Basic YWxpY2U6eA==",
        "Token x",
        "",
        "Bearer eyJhbGciOiJIUzI1NiJ9.W10.x",
        "Bearer bnVsbA.bnVsbA.x",
    ],
    ids=range(12),
)
def test_what_is_no_jwt_is_refused(refused: Check, drillquiz: System, header: str) -> None:
    refused(says({"Authorization": header}), 401, "token_invalid")


def test_a_token_of_20_kilobytes_is_refused(refused: Check, drillquiz: System) -> None:
    refused(by_token(signed(drillquiz, padding="x" * 20_000)), 401, "token_invalid")


def test_a_deeply_nested_token_is_refused(refused: Check, drillquiz: System) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 4000).rstrip(b"=").decode()

    refused(by_token(f"{deep}.{deep}.x"), 401, "token_invalid")


def test_an_api_key_as_a_token_is_refused_with_a_hint(refused: Check, drillquiz: System) -> None:
    response = by_token(ApiKey.issue(drillquiz)[1])

    refused(response, 401, "token_invalid")
    assert "X-API-Key" in response.json()["detail"]


def test_a_good_token_behind_a_wrong_key_is_refused(refused: Check, drillquiz: System) -> None:
    headers = {"X-API-Key": "sk_wrong", "Authorization": f"Bearer {signed(drillquiz)}"}

    refused(says(headers), 401, "not_authenticated")


@pytest.mark.parametrize("claimed", [{"user_id": "bob"}, {"system_id": "cointutor"}])
def test_a_token_that_speaks_for_somebody_else_is_refused(
    refused: Check, drillquiz: System, cointutor: System, claimed: dict[str, str]
) -> None:
    response = says({"Authorization": f"Bearer {signed(drillquiz)}"}, **claimed)

    refused(response, 403, "permission_denied")


def test_a_token_may_say_again_who_it_is(drillquiz: System) -> None:
    headers = {"Authorization": f"Bearer {signed(drillquiz)}"}

    assert says(headers, user_id="alice", system_id="drillquiz").status_code == 200


def test_a_token_in_the_address_is_for_pages_only_and_is_refused(refused: Check, drillquiz: System) -> None:
    response = Gateway({}).get("/v1/conversations", token=signed(drillquiz))

    refused(response, 401, "not_authenticated")


# Users --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "user_id", [None, "", "  ", "x" * 257, "a\nb", "a\x00b", "a\x7fb", "a\u2028b", True, 1.5, ["alice"], {"a": 1}]
)
def test_a_user_id_that_is_none_is_refused(drillquiz: System, user_id: Any) -> None:
    gateway = caller_by_key(drillquiz, "alice")
    response = gateway.send("POST", "/v1/chat", {"user_id": user_id, "message": "Hello"})

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_a_missing_user_id_is_refused(drillquiz: System) -> None:
    response = says({"X-API-Key": ApiKey.issue(drillquiz)[1]})

    assert (response.status_code, response.json()["errors"]) == (400, {"user_id": ["This field is required."]})


@pytest.mark.parametrize("user_id", [7, "7"])
def test_a_whole_number_is_a_user_id_as_text(drillquiz: System, dify: StandIn, user_id: Any) -> None:
    assert says({"X-API-Key": ApiKey.issue(drillquiz)[1]}, user_id=user_id).status_code == 200
    assert (dify.requests[-1].json["user"], Message.objects.get().user_id) == ("drillquiz_7", "7")


@pytest.mark.parametrize("user_id", ["alice@example.com", "a b", "홍길동", "🙂", "x" * 256, "a_b", "../etc", "'; --"])
def test_any_printable_text_is_a_user_id(drillquiz: System, user_id: str) -> None:
    gateway = caller_by_key(drillquiz, user_id)

    assert gateway.say("Hello").status_code == 200
    assert len(gateway.get("/v1/conversations").json()) == 1


def test_a_token_for_a_number_speaks_for_its_text(drillquiz: System) -> None:
    token = tokens.issue(drillquiz, 7)[0]  # type: ignore[arg-type]

    assert by_token(token).status_code == 200
    assert Message.objects.get().user_id == "7"
