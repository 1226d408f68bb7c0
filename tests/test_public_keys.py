"""Tokens of a system's own issuer, checked with the public keys at its JWKS address."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from tenants import tokens
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


@pytest.fixture
def issuer() -> Iterator[RawServer]:
    keys = json.dumps({"keys": [public_key(algorithm) for algorithm in KEYS]}).encode()
    tokens.public_key_backend.cache_clear()
    with RawServer(lambda _: [http(200, keys)]) as server:
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
