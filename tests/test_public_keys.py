"""Tokens of a system's own issuer, checked with the public keys at its JWKS address."""

import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone
from pytest_django import Settings

from tenants import public_keys
from tenants.models import System
from tests.gateway import Gateway
from tests.raw_server import RawServer, http

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
WRITERS: dict[str, Any] = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


def public_key(algorithm: str) -> dict[str, Any]:
    return json.loads(WRITERS[algorithm].to_jwk(KEYS[algorithm].public_key())) | {"kid": algorithm, "use": "sig"}


def key_set(*algorithms: str) -> bytes:
    return json.dumps({"keys": [public_key(algorithm) for algorithm in algorithms]}).encode()


@pytest.fixture
def issuer() -> Iterator[RawServer]:
    public_keys.forget()
    with RawServer(lambda _: [http(200, key_set(*KEYS))]) as server:
        yield server


@pytest.fixture
def system(drillquiz: System, issuer: RawServer) -> System:
    drillquiz.jwks_url = f"{issuer.url}/keys.json"
    drillquiz.jwt_issuer, drillquiz.jwt_audience = "https://login.example.com", "chat"
    return drillquiz


def trusting(system: System, algorithm: str) -> System:
    system.jwt_algorithm = algorithm
    system.save()
    return system


def signed(algorithm: str, key: Any = None, kid: str = "", **claims: Any) -> str:
    payload = {"system_id": "drillquiz", "user_id": "alice", "iss": "https://login.example.com", "aud": "chat"}
    payload |= {"exp": timezone.now() + timedelta(hours=1)} | claims
    return jwt.encode(payload, key or KEYS[algorithm], algorithm, headers={"kid": kid or algorithm})


def status_of(token: str) -> tuple[int, str | None]:
    answer = Gateway({"Authorization": f"Bearer {token}"}).get("/v1/conversations")
    return answer.status_code, None if answer.status_code == 200 else answer.json()["code"]


@pytest.mark.parametrize("algorithm", KEYS)
def test_it_accepts_the_systems_algorithm(system: System, algorithm: str) -> None:
    trusting(system, algorithm)

    assert status_of(signed(algorithm)) == (200, None)


def test_the_public_keys_are_fetched_once(system: System, issuer: RawServer) -> None:
    trusting(system, "RS256")
    for _ in range(3):
        status_of(signed("RS256"))

    assert len(issuer.requests) == 1


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: signed("ES256"), id="another algorithm"),
        pytest.param(lambda: signed("RS256", rsa.generate_private_key(65537, 2048)), id="another key"),
        pytest.param(lambda: signed("RS256", kid="unknown"), id="an unknown kid"),
        pytest.param(lambda: signed("RS256", iss="https://elsewhere.example.com"), id="another issuer"),
        pytest.param(lambda: signed("RS256", aud="billing"), id="another audience"),
        pytest.param(lambda: confused(), id="HS256 with the public key as its secret"),
    ],
)
def test_it_refuses(system: System, token: Any) -> None:
    trusting(system, "RS256")

    assert status_of(token()) == (401, "token_invalid")


def confused() -> str:
    """PyJWT will not make such a token, so it is put together by hand."""
    public = KEYS["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, claims, _ = signed("RS256").split(".")
    head = jwt.utils.base64url_encode(b'{"alg": "HS256", "typ": "JWT", "kid": "RS256"}').decode()
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(f"{head}.{claims}".encode(), public)
    return f"{head}.{claims}.{jwt.utils.base64url_encode(signature).decode()}"


def test_keys_that_cannot_be_fetched_let_nobody_in(system: System, issuer: RawServer) -> None:
    trusting(system, "RS256")
    System.objects.update(jwks_url="http://127.0.0.1:9/keys.json")

    assert status_of(signed("RS256")) == (401, "token_invalid")


# When the gateway looks ----------------------------------------------------------------------------------------


class Issuer:
    """Serves what it is told to, at an address of a system that trusts RS256."""

    def __init__(self, system: System) -> None:
        self.answer = [http(200, key_set(*KEYS))]
        self.server = RawServer(lambda _: self.answer)
        trusting(system, "RS256")

    @property
    def looks(self) -> int:
        return len(self.server.requests)


@pytest.fixture
def fickle(system: System) -> Iterator[Issuer]:
    public_keys.forget()
    fickle = Issuer(system)
    with fickle.server:
        System.objects.update(jwks_url=f"{fickle.server.url}/keys.json")
        yield fickle


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(public_keys, "time", clock)
    return clock


def test_an_unknown_kid_makes_it_look_again_once_a_minute(fickle: Issuer, clock: Clock) -> None:
    assert status_of(signed("RS256")) == (200, None)
    for number in range(5):
        assert status_of(signed("RS256", kid=f"unknown-{number}")) == (401, "token_invalid")
    assert fickle.looks == 1

    clock.ahead = 61
    for number in range(5):
        assert status_of(signed("RS256", kid=f"unknown-{number}")) == (401, "token_invalid")
    assert status_of(signed("RS256")) == (200, None)
    assert fickle.looks == 2


def test_a_new_key_is_found_without_a_restart(fickle: Issuer, clock: Clock) -> None:
    fickle.answer = [http(200, key_set("ES256"))]
    assert status_of(signed("RS256")) == (401, "token_invalid")

    fickle.answer = [http(200, key_set("RS256"))]
    assert status_of(signed("RS256")) == (401, "token_invalid")
    clock.ahead = 61
    assert status_of(signed("RS256")) == (200, None)


def test_a_key_that_was_taken_back_is_refused_within_the_hour(fickle: Issuer, clock: Clock) -> None:
    assert status_of(signed("RS256")) == (200, None)

    fickle.answer = [http(200, key_set("ES256"))]
    clock.ahead = 3601
    assert status_of(signed("RS256")) == (401, "token_invalid")


BROKEN = [
    pytest.param([http(500, b"{}")], id="500"),
    pytest.param([http(302, b"", "Location: http://127.0.0.1:9/")], id="a redirect"),
    pytest.param([http(200, b"<html>")], id="HTML"),
    pytest.param([http(200, b"[]")], id="a list"),
    pytest.param([http(200, b'{"keys": 7}')], id="no list of keys"),
    pytest.param([http(200, b'{"keys": null}')], id="null"),
    pytest.param([http(200, b'{"keys": [{"kty": "RSA", "kid": "RS256"}, 7, {}]}')], id="no keys"),
    pytest.param([http(200, b" " * (public_keys.MAX_BYTES + 1) + key_set("RS256"))], id="too large"),
    pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"], id="broken off"),
    pytest.param([], id="nothing"),
]


@pytest.mark.parametrize("answer", BROKEN)
def test_what_is_no_set_of_keys_lets_nobody_in(fickle: Issuer, answer: list[bytes]) -> None:
    fickle.answer = answer

    assert status_of(signed("RS256")) == (401, "token_invalid")


@pytest.mark.parametrize("answer", [BROKEN[0], BROKEN[2], BROKEN[8]])
def test_known_keys_stay_known_while_their_server_is_broken(fickle: Issuer, clock: Clock, answer: list[bytes]) -> None:
    assert status_of(signed("RS256")) == (200, None)
    fickle.answer = answer

    for clock.ahead in (3700, 20 * 3600):
        assert status_of(signed("RS256")) == (200, None)
    assert fickle.looks > 1

    clock.ahead = 25 * 3600  # a key that was stolen must not live for as long as its server is kept down
    assert status_of(signed("RS256")) == (401, "token_invalid")


def test_a_server_that_is_down_is_asked_once_a_minute(fickle: Issuer, clock: Clock) -> None:
    fickle.answer = [http(500, b"")]
    for _ in range(4):
        status_of(signed("RS256"))
    assert fickle.looks == 1

    clock.ahead = 61
    fickle.answer = [http(200, key_set("RS256"))]
    assert status_of(signed("RS256")) == (200, None)
    assert fickle.looks == 2


def test_the_log_says_where_there_are_no_keys_once_a_minute(fickle: Issuer, log: io.StringIO) -> None:
    fickle.answer = [http(500, b"")]
    token = signed("RS256")
    for _ in range(3):
        status_of(token)

    assert log.getvalue().count("No public keys from 127.0.0.1: Unreadable.") == 1
    assert token not in log.getvalue()


def test_a_crowd_makes_one_look(fickle: Issuer) -> None:
    def slowly() -> Iterator[bytes]:
        time.sleep(0.3)
        yield http(200, key_set("RS256"))

    fickle.server._answer = lambda _: slowly()
    url = System.objects.get(pk="drillquiz").jwks_url
    with ThreadPoolExecutor(20) as crowd:
        found = list(crowd.map(lambda _: public_keys.key_of(url, "RS256", "RS256"), range(20)))

    assert len({id(key) for key in found}) == 1
    assert fickle.looks == 1


def test_private_addresses_are_guarded_as_those_of_dify(fickle: Issuer, settings: Settings) -> None:
    settings.DIFY_ALLOW_PRIVATE_ADDRESSES = False

    assert status_of(signed("RS256")) == (401, "token_invalid")
    assert fickle.looks == 0


def test_without_a_kid_the_only_key_of_the_algorithm_is_meant(fickle: Issuer, clock: Clock) -> None:
    payload = jwt.decode(signed("RS256"), options={"verify_signature": False})
    token = jwt.encode(payload, KEYS["RS256"], "RS256")
    assert status_of(token) == (200, None)

    another = public_key("RS256") | {"kid": "another"}
    fickle.answer = [http(200, json.dumps({"keys": [public_key("RS256"), another]}).encode())]
    clock.ahead = 3700
    assert status_of(token) == (401, "token_invalid")
    assert status_of(signed("RS256")) == (200, None)


@pytest.mark.parametrize("more", [{"use": "enc"}, {"alg": "RS512"}, {"d": "AQAB"}])
def test_a_key_for_another_purpose_is_not_used(fickle: Issuer, more: dict[str, str]) -> None:
    fickle.answer = [http(200, json.dumps({"keys": [public_key("RS256") | more]}).encode())]

    assert status_of(signed("RS256")) == (401, "token_invalid")


def test_a_symmetric_key_in_the_set_signs_nothing(fickle: Issuer) -> None:
    secret = b"x" * 32
    entry = {"kty": "oct", "kid": "RS256", "alg": "HS256", "k": jwt.utils.base64url_encode(secret).decode()}
    fickle.answer = [http(200, json.dumps({"keys": [entry]}).encode())]

    assert status_of(signed("HS256", secret, kid="RS256")) == (401, "token_invalid")
