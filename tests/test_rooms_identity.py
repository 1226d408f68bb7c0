"""Who is asking, in rooms: tokens of every issuer, gateways that are trusted, and everybody else."""

import hashlib
import hmac
import ipaddress
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import Settings
from rest_framework.exceptions import APIException

from rooms import policy
from rooms.identity import Credentials, identified
from rooms.models import RoomPolicy
from rooms.person import Person
from tenants import tokens
from tenants.models import ApiKey, System
from tenants.visitors import PREFIX
from tests.test_public_keys import KEYS, confused, issuer, system, trusting

__all__ = ["issuer", "system"]  # fixtures

ALICE: dict[str, Any] = {
    "user_id": "alice",
    "nickname": "Alice",
    "email": "alice@example.com",
    "profile_url": "https://a.example/a.png",
}


@pytest.fixture(autouse=True)
def _fresh_policies() -> None:
    policy.forget()


def asked(
    query: dict[str, str] | None = None, headers: dict[str, str] | None = None, peer: str = "192.0.2.9"
) -> Person:
    """As over REST, where a server may ask without a user."""
    request = RequestFactory().get("/rooms", query or {}, headers=headers or {}, REMOTE_ADDR=peer)
    return identified(Credentials.of_request(request))


def asked_by_socket(query: dict[str, str], headers: dict[str, str] | None = None, peer: Any = None) -> Person:
    return identified(Credentials(headers or {}, query, peer))


def refusal(**given: Any) -> str:
    with pytest.raises(APIException) as refused:
        asked(**given)
    return f"{refused.value.status_code} {refused.value.get_codes()}"


def trusting_addresses(system: System, *lines: str) -> None:
    RoomPolicy.objects.create(system=system, trusted_addresses="\n".join(lines))


def signature(system: System, moment: int | None = None, /, **identity: Any) -> dict[str, str]:
    """As a gateway of the system makes it."""
    moment = int(time.time()) if moment is None else moment
    lines = "\n".join([*(identity.get(name, "") for name in ALICE), str(moment)])
    made = hmac.new(system.identity_secret.reveal().encode(), lines.encode(), hashlib.sha256).hexdigest()
    return {"X-Identity-Signature": made, "X-Identity-Timestamp": str(moment), "X-System-Id": system.system_id}


def secret_key(system: System) -> dict[str, str]:
    return {"X-API-Key": ApiKey.issue(system)[1]}


# Tokens of this gateway ----------------------------------------------------------------------------------------


def test_a_token_of_this_gateway_fills_in_the_identity(drillquiz: System) -> None:
    token, expires = tokens.issue(
        drillquiz, "alice", nickname="Alice", email="alice@example.com", profile_url="https://a.example/a.png"
    )

    person = asked({"token": token})

    assert person == asked(headers={"Authorization": f"Bearer {token}"})
    assert (person.system, person.user_id, person.name) == (drillquiz, "alice", "Alice")
    assert (person.email, person.profile_url) == ("alice@example.com", "https://a.example/a.png")
    assert person.expires_at == expires.replace(microsecond=0)
    assert not person.service


def test_a_token_of_a_frame_counts_before_all_else(drillquiz: System) -> None:
    token = tokens.issue(drillquiz, "alice")[0]

    person = identified(Credentials({}, {}, None, token=token))

    assert person.user_id == "alice"


def test_the_identity_in_the_query_does_not_go_before_the_token(drillquiz: System) -> None:
    token = tokens.issue(drillquiz, "bob", nickname="Bob")[0]

    person = asked({**ALICE, "token": token})

    assert (person.user_id, person.name) == ("bob", "Bob")


def test_a_logged_out_visitor_of_the_chat_has_no_place_in_rooms(drillquiz: System) -> None:
    token = tokens.issue(drillquiz, f"{PREFIX}0123")[0]

    assert refusal(query={"token": token}) == "403 permission_denied"


@pytest.mark.parametrize("claims", [{"name": 7}, {"name": ["x"]}, {"name": None, "email": {}, "role": []}, {}])
def test_claims_that_are_no_text_do_not_keep_anybody_out(drillquiz: System, claims: dict[str, Any]) -> None:
    person = asked({"token": tokens.issue(drillquiz, "alice", **claims)[0]})

    assert person.name in ("", "7")
    assert not person.service


def test_claims_are_cut_to_what_can_be_kept_and_shown(drillquiz: System) -> None:
    claims: dict[str, Any] = {"name": "A\0lice\n" + "x" * 500, "profile_url": "javascript:alert(1)"}

    person = asked({"token": tokens.issue(drillquiz, "alice", **claims)[0]})

    assert person.name.startswith("Alicex")
    assert len(person.name) == 200
    assert person.profile_url == ""


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("nonsense", "401 token_invalid"),
        ("x" * 10_000, "401 token_invalid"),
        ("a.b.c", "401 token_invalid"),
        ("\ud800", "401 token_invalid"),
    ],
)
def test_what_is_no_token_is_refused(drillquiz: System, token: str, said: str) -> None:
    with pytest.raises(APIException) as refused:
        identified(Credentials({}, {}, None, token=token))
    assert f"{refused.value.status_code} {refused.value.get_codes()}" == said


def test_an_expired_token_is_refused_as_such(drillquiz: System) -> None:
    token = tokens.issue(drillquiz, "alice", timedelta(minutes=-2))[0]

    assert refusal(query={"token": token}) == "401 token_expired"


def test_a_token_of_a_disabled_system_is_refused(drillquiz: System) -> None:
    token = tokens.issue(drillquiz, "alice")[0]
    drillquiz.enabled = False
    drillquiz.save()

    assert refusal(query={"token": token}) == "403 permission_denied"


def test_a_token_that_the_request_takes_for_another_systems_is_refused(drillquiz: System) -> None:
    token = tokens.issue(drillquiz, "alice")[0]

    assert refusal(query={"token": token, "system_id": "cointutor"}) == "403 permission_denied"


# Tokens of a system's own issuer -------------------------------------------------------------------------------


def issued(algorithm: str = "RS256", key: Any = None, kid: str = "", **claims: Any) -> str:
    """A token as the trip chat's issuer makes it: no system_id, and its own names for everything."""
    payload = {"iss": "https://login.example.com", "aud": "chat", "exp": timezone.now() + timedelta(hours=1)}
    payload |= {"userId": "u1", "email": "alice@example.com", "role": "user", "name": "Alice"}
    payload |= {"tripId": "t1", "tripRole": "owner"} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key or KEYS[algorithm], algorithm, headers={"kid": kid or algorithm})


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_without_system_id_belongs_to_the_system_of_its_issuer(system: System, algorithm: str) -> None:
    trusting(system, algorithm)

    person = asked(headers={"Authorization": f"Bearer {issued(algorithm)}"})

    assert (person.system, person.user_id, person.name) == (system, "u1", "Alice")
    assert (person.email, person.role, person.trip_id, person.trip_role) == ("alice@example.com", "user", "t1", "owner")


def test_claims_are_mapped_as_the_admin_says(system: System) -> None:
    trusting(system, "RS256")
    RoomPolicy.objects.create(system=system, user_id_claim="sub", name_claim="preferred_username", role_claim="group")

    person = asked({"token": issued(userId=None, sub="s1", preferred_username="alice", group="staff")})

    assert (person.user_id, person.name, person.role) == ("s1", "alice", "staff")


@pytest.mark.parametrize(("role", "service"), [("service", True), ("Service", False), ("", False), (None, False)])
def test_the_service_role_is_a_servers(system: System, role: str | None, service: bool) -> None:
    trusting(system, "RS256")

    assert asked({"token": issued(role=role)}).service is service


def test_a_service_token_may_be_nobodys(system: System) -> None:
    trusting(system, "RS256")

    assert asked({"token": issued(role="service", userId=None)}).user_id == ""


def test_a_policy_without_a_service_role_makes_nobody_a_server(system: System) -> None:
    trusting(system, "RS256")
    RoomPolicy.objects.create(system=system, service_role="")

    assert not asked({"token": issued(role="")}).service


def test_an_issuer_of_two_systems_belongs_to_neither(system: System, cointutor: System) -> None:
    trusting(system, "RS256")
    cointutor.jwt_issuer = system.jwt_issuer
    cointutor.save()

    assert refusal(query={"token": issued()}) == "401 token_invalid"
    assert asked({"token": issued(system_id="drillquiz")}).system == system


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: issued(iss="https://elsewhere.example.com"), id="wrong issuer"),
        pytest.param(lambda: issued(iss="https://elsewhere.example.com", system_id="drillquiz"), id="its system, too"),
        pytest.param(lambda: issued(iss=None), id="no issuer"),
        pytest.param(lambda: written(b'{"iss": ["https://login.example.com"]}'), id="a list for an issuer"),
        pytest.param(lambda: issued(iss="\0"), id="NUL for an issuer"),
        pytest.param(lambda: written(b'{"iss": "\\ud800"}'), id="broken text for an issuer"),
        pytest.param(lambda: written(b"[]"), id="a list for claims"),
        pytest.param(lambda: issued(aud="billing"), id="wrong audience"),
        pytest.param(lambda: issued(aud=None), id="no audience"),
        pytest.param(lambda: issued(exp=None), id="no expiry"),
        pytest.param(lambda: issued(exp=timezone.now() + timedelta(days=31)), id="more than 30 days"),
        pytest.param(lambda: issued("ES256"), id="another algorithm"),
        pytest.param(lambda: issued(kid="unknown"), id="unknown kid"),
        pytest.param(lambda: issued(kid="ES256"), id="the kid of a key for another algorithm"),
        pytest.param(lambda: issued(userId=None), id="no user"),
        pytest.param(lambda: issued(userId=""), id="empty user"),
        pytest.param(lambda: issued(userId="a\0b"), id="NUL in the user"),
        pytest.param(lambda: issued(userId="x" * 300), id="a huge user"),
        pytest.param(lambda: issued(userId={"a": 1}), id="an object for a user"),
        pytest.param(lambda: confused(), id="HS256 with the public key as its secret"),
        pytest.param(lambda: unsigned(), id="alg none"),
    ],
)
def test_a_token_that_is_not_right_is_refused(system: System, token: Any) -> None:
    trusting(system, "RS256")

    assert refusal(query={"token": token()}) == "401 token_invalid"


def written(claims: bytes) -> str:
    """What PyJWT would not write."""
    return jwt.PyJWS().encode(claims, KEYS["RS256"], "RS256", headers={"kid": "RS256"})


def unsigned() -> str:
    return jwt.encode(jwt.decode(issued(), options={"verify_signature": False}), "", "none")


def test_an_expired_token_of_an_issuer_is_refused_as_such(system: System) -> None:
    trusting(system, "RS256")

    assert refusal(query={"token": issued(exp=timezone.now() - timedelta(seconds=31))}) == "401 token_expired"
    assert asked({"token": issued(exp=timezone.now() - timedelta(seconds=25))})  # clocks differ


# Gateways ------------------------------------------------------------------------------------------------------


def test_a_secret_key_makes_the_identity_believed(drillquiz: System) -> None:
    person = asked(ALICE, secret_key(drillquiz))

    assert (person.system, person.user_id, person.name) == (drillquiz, "alice", "Alice")
    assert (person.email, person.profile_url) == ("alice@example.com", "https://a.example/a.png")
    assert not person.service


def test_a_gateway_that_names_nobody_is_the_system(drillquiz: System) -> None:
    person = asked({}, secret_key(drillquiz))

    assert (person.system, person.user_id, person.service) == (drillquiz, "", True)


def test_a_socket_is_always_somebodys(drillquiz: System) -> None:
    headers = {name.lower(): value for name, value in secret_key(drillquiz).items()}
    assert asked_by_socket(ALICE, headers).user_id == "alice"
    assert asked_by_socket({**ALICE, "profile_url": ""}, headers).profile_url == ""

    for name in ("user_id", "nickname", "email"):
        with pytest.raises(APIException) as refused:
            asked_by_socket({**ALICE, name: " "}, headers)
        assert refused.value.status_code == 400
        assert refused.value.get_codes() == {name: ["invalid"]}


def test_a_key_of_all_systems_says_which_one(drillquiz: System) -> None:
    headers = {"X-API-Key": ApiKey.issue(None)[1]}

    assert refusal(query=ALICE, headers=headers).startswith("400")
    assert asked({**ALICE, "system_id": "drillquiz"}, headers).system == drillquiz
    assert asked(ALICE, {**headers, "X-System-Id": "drillquiz"}).system == drillquiz


def test_a_gateway_that_passes_on_its_clients_authorization_is_still_believed(drillquiz: System) -> None:
    headers = {**secret_key(drillquiz), "Authorization": "Bearer something-of-the-clients"}

    assert asked(ALICE, headers).user_id == "alice"


@pytest.mark.parametrize("kind", ["publishable", "wrong", "revoked", "another system's"])
def test_other_keys_do_not_make_it_believed(drillquiz: System, cointutor: System, kind: str) -> None:
    key, text = ApiKey.issue(cointutor if kind == "another system's" else drillquiz)
    if kind == "publishable":
        text = ApiKey.issue(drillquiz, ApiKey.Kind.PUBLISHABLE)[1]
    if kind == "revoked":
        key.revoked_at = timezone.now()
        key.save()

    said = refusal(
        query={**ALICE, "system_id": "drillquiz"}, headers={"X-API-Key": "sk_wrong" if kind == "wrong" else text}
    )

    assert said == ("403 permission_denied" if kind == "another system's" else "401 not_authenticated")


def test_the_identity_in_the_query_is_not_believed_as_it_stands(drillquiz: System) -> None:
    with pytest.raises(APIException, match=r"token.*X-API-Key.*sign") as refused:
        asked({**ALICE, "system_id": "drillquiz"})

    assert (refused.value.status_code, refused.value.get_codes()) == (401, "not_authenticated")


def test_nobody_is_told_how_to_be_somebody(drillquiz: System) -> None:
    assert refusal() == "401 not_authenticated"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", "a\0b"),
        ("user_id", "x" * 300),
        ("nickname", "A\nB"),
        ("nickname", "x" * 201),
        ("email", "x" * 321),
        ("email", "\ufffd"),
        ("profile_url", "https://a.example/" + "x" * 2000),
        ("profile_url", "javascript:alert(1)"),
        ("profile_url", "http://["),
    ],
)
def test_an_identity_that_cannot_be_kept_is_refused(drillquiz: System, field: str, value: str) -> None:
    assert refusal(query={**ALICE, field: value}, headers=secret_key(drillquiz)).startswith("400")


# Signatures ----------------------------------------------------------------------------------------------------


def test_a_signature_makes_the_identity_believed(drillquiz: System) -> None:
    headers = signature(drillquiz, **ALICE)
    in_query = {"signature": headers["X-Identity-Signature"], "timestamp": headers["X-Identity-Timestamp"]}

    assert asked(ALICE, headers).user_id == "alice"
    assert asked({**ALICE, **in_query, "system_id": "drillquiz"}).name == "Alice"


@pytest.mark.parametrize("field", ALICE)
def test_a_signature_is_over_all_of_the_identity(drillquiz: System, field: str) -> None:
    assert refusal(query={**ALICE, field: "bob"}, headers=signature(drillquiz, **ALICE)) == "401 not_authenticated"


def test_fields_cannot_be_shifted_into_one_another(drillquiz: System) -> None:
    """A line break in a field would make the same text of other fields."""
    headers = signature(drillquiz, user_id="alice", nickname="Alice", email="x")
    shifted = {"user_id": "alice\nAlice", "nickname": "x", "email": ""}

    assert refusal(query=shifted, headers=headers)[:3] in ("400", "401")


@pytest.mark.parametrize("seconds", [-400, 400])
def test_an_old_signature_is_refused(drillquiz: System, seconds: int) -> None:
    headers = signature(drillquiz, int(time.time()) + seconds, **ALICE)

    assert refusal(query=ALICE, headers=headers) == "401 not_authenticated"


@pytest.mark.parametrize("moment", ["", "now", "-1", "²", "9" * 400])
def test_a_signature_without_a_time_is_refused(drillquiz: System, moment: str) -> None:
    headers = {**signature(drillquiz, **ALICE), "X-Identity-Timestamp": moment}

    assert refusal(query=ALICE, headers=headers) == "401 not_authenticated"


def test_a_signature_of_another_systems_gateway_is_refused(drillquiz: System, cointutor: System) -> None:
    headers = {**signature(cointutor, **ALICE), "X-System-Id": "drillquiz"}

    assert refusal(query=ALICE, headers=headers) == "401 not_authenticated"


def test_a_signature_names_its_system(drillquiz: System) -> None:
    headers = signature(drillquiz, **ALICE)
    del headers["X-System-Id"]

    assert refusal(query=ALICE, headers=headers) == "401 not_authenticated"


# Addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_an_address_that_the_system_lists_is_trusted(drillquiz: System, peer: str) -> None:
    trusting_addresses(drillquiz, "127.0.0.0/8", "::1")

    assert asked(ALICE, peer=peer).user_id == "alice"


@pytest.mark.parametrize("peer", ["192.0.2.9", "128.0.0.1", "::2", "::ffff:192.0.2.9", "", "unix:", "testclient"])
def test_other_addresses_are_not(drillquiz: System, peer: str) -> None:
    trusting_addresses(drillquiz, "127.0.0.0/8", "::1")

    assert refusal(query=ALICE, peer=peer) == "401 not_authenticated"


def test_an_address_of_two_systems_says_which_one(drillquiz: System, cointutor: System) -> None:
    trusting_addresses(drillquiz, "10.0.0.0/8")
    trusting_addresses(cointutor, "10.0.0.5")

    assert refusal(query=ALICE, peer="10.0.0.5") == "401 not_authenticated"
    assert asked({**ALICE, "system_id": "cointutor"}, peer="10.0.0.5").system == cointutor
    assert asked(ALICE, {"X-System-Id": "drillquiz"}, peer="10.0.0.5").system == drillquiz
    assert refusal(query={**ALICE, "system_id": "cointutor"}, peer="10.0.0.6") == "401 not_authenticated"


def test_a_token_still_counts_at_a_trusted_address(drillquiz: System) -> None:
    trusting_addresses(drillquiz, "127.0.0.1")
    token = tokens.issue(drillquiz, "bob")[0]

    assert asked(headers={"Authorization": f"Bearer {token}"}, peer="127.0.0.1").user_id == "bob"


def test_an_address_that_is_taken_off_the_list_is_not_trusted_any_more(drillquiz: System) -> None:
    trusting_addresses(drillquiz, "127.0.0.1")
    assert asked(ALICE, peer="127.0.0.1")

    listing = RoomPolicy.objects.get()
    listing.trusted_addresses = ""
    listing.save()

    assert refusal(query=ALICE, peer="127.0.0.1") == "401 not_authenticated"


def test_a_disabled_system_trusts_nobody(drillquiz: System) -> None:
    trusting_addresses(drillquiz, "127.0.0.1")
    drillquiz.enabled = False
    drillquiz.save()

    assert refusal(query=ALICE, peer="127.0.0.1") == "401 not_authenticated"


def test_a_forwarded_address_that_nobody_vouches_for_counts_for_nothing(drillquiz: System) -> None:
    trusting_addresses(drillquiz, "127.0.0.1")

    said = refusal(query=ALICE, headers={"X-Forwarded-For": "127.0.0.1"}, peer="192.0.2.9")

    assert said == "401 not_authenticated"


def test_a_proxy_that_is_trusted_says_whom_it_heard(drillquiz: System, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("10.1.0.0/16")]
    trusting_addresses(drillquiz, "192.0.2.0/24")

    assert asked(ALICE, {"X-Forwarded-For": "192.0.2.7"}, "10.1.0.1").user_id == "alice"
    assert asked(ALICE, {"X-Forwarded-For": "8.8.8.8, 192.0.2.7, 10.1.0.2"}, "::ffff:10.1.0.1").user_id == "alice"
    for forwarded in ("192.0.2.7, 8.8.8.8", "8.8.8.8", "192.0.2.7, nonsense", "", ","):
        assert refusal(query=ALICE, headers={"X-Forwarded-For": forwarded}, peer="10.1.0.1") == "401 not_authenticated"


def test_the_proxy_itself_is_no_gateway_just_because_it_passes_things_on(drillquiz: System, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.0/8")]
    trusting_addresses(drillquiz, "127.0.0.0/8")

    assert refusal(query=ALICE, headers={"X-Forwarded-For": "8.8.8.8"}, peer="127.0.0.1") == "401 not_authenticated"
