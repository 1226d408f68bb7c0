"""JWTs: issued for a user of a system, and checked with that system's own secrets or public keys.

The algorithm is the system's, whatever a token says of itself. Signing and checking is simplejwt's TokenBackend.
"""

from datetime import datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken

from tenants import directory, public_keys
from tenants.caller import Caller, valid_user_id
from tenants.errors import NotConfigured, TokenExpired, TokenInvalid
from tenants.models import MAX_TOKEN_LIFETIME, SigningSecret, System
from tenants.sealed import SecretUnreadable

MAX_TOKEN_CHARACTERS = 8192
LEEWAY = 30  # seconds of difference between two clocks


def issue(system: System, user_id: str, lifetime: timedelta | None = None, **claims: Any) -> tuple[str, datetime]:
    """A signed token and when it expires. Raises NotConfigured where the gateway cannot sign for the system."""
    kid, secret = newest_signing_key(system)
    now = timezone.now()
    expires = now + (lifetime or system.token_lifetime)
    payload = {**claims, "system_id": system.system_id, "user_id": user_id}
    payload |= {"iat": int(now.timestamp()), "exp": int(expires.timestamp())}
    payload |= {"iss": system.jwt_issuer} if system.jwt_issuer else {}
    payload |= {"aud": system.jwt_audience} if system.jwt_audience else {}
    # PyJWT itself, because TokenBackend cannot write the kid that lets a rotation overlap.
    return jwt.encode(payload, secret, algorithm="HS256", headers={"kid": kid} if kid else None), expires


def newest_signing_key(system: System) -> tuple[str, str]:
    if system.jwt_algorithm != System.Algorithm.HS256:
        raise NotConfigured("This system's tokens are signed by its own issuer, so the gateway cannot make one.")
    keys = signing_keys(system)
    if not keys:
        raise NotConfigured("This system has no signing secret. An operator can create one in the admin.")
    return keys[0]


def verified(token: str) -> Caller:
    """Whom a token speaks for. Raises TokenInvalid, TokenExpired or PermissionDenied (system disabled)."""
    header, claims = unverified(token)
    system = system_of(claims)
    proven = proven_claims(system, token, header)
    try:
        return Caller(system, valid_user_id(proven.get("user_id")))
    except ValidationError:
        raise TokenInvalid("This token's user_id is missing or not valid.") from None


def claims_of(token: str) -> tuple[System, dict[str, Any]]:
    """What a token says, whatever it calls its user; its system by `system_id`, or else by its issuer.

    Raises TokenInvalid, TokenExpired or PermissionDenied (system disabled).
    """
    header, claims = unverified(token)
    system = system_of(claims) if "system_id" in claims else system_of_issuer(claims.get("iss"))
    return system, proven_claims(system, token, header)


def proven_claims(system: System, token: str, header: dict[str, Any]) -> dict[str, Any]:
    proven = checked(system, token, header.get("kid"))
    expiry_within_bounds(proven)
    if not system.enabled:
        raise PermissionDenied("This system is disabled.")
    return proven


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, to find out whose secret should check them. Nothing here is to be believed."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenInvalid("This token is too long.")
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError, ValueError):
        raise TokenInvalid("This is not a JWT.") from None
    return parts["header"], parts["payload"]


def system_of(claims: dict[str, Any]) -> System:
    system_id = claims.get("system_id")
    try:
        return directory.system_named(system_id if isinstance(system_id, str) else "")
    except directory.Unknown:
        raise TokenInvalid("This token names no known system.") from None


def system_of_issuer(issuer: Any) -> System:
    """Two systems with one issuer cannot be told apart, and guessing would let one into the other's rooms."""
    systems = directory.systems_of_issuer(issuer) if isinstance(issuer, str) else []
    if not systems:
        raise TokenInvalid("This token names no system: neither by system_id nor by an issuer that is known.")
    if len(systems) > 1:
        raise TokenInvalid("Several systems have this token's issuer, so it must name its system_id.")
    return systems[0]


def checked(system: System, token: str, kid: Any) -> dict[str, Any]:
    """The token's claims, once one of the system's keys has proven them."""
    refusal: Exception = TokenInvalid("This token's signature cannot be checked: the system has no signing secret.")
    for backend in backends(system, kid):
        try:
            return backend.decode(token)  # type: ignore[arg-type]  # it takes text, whatever it says
        except TokenBackendExpiredToken:
            raise TokenExpired from None
        except (TokenBackendError, jwt.PyJWTError, ValueError, TypeError):
            refusal = TokenInvalid("This token's signature, issuer, audience or dates are not valid.")
    raise refusal


def backends(system: System, kid: Any) -> list[TokenBackend]:
    if system.jwt_algorithm != System.Algorithm.HS256:
        return [backend(system, verifying_key=key) for key in public_keys_of(system, kid)]
    named = [(name, secret) for name, secret in signing_keys(system) if kid in (None, "", name) or not name]
    return [backend(system, signing_key=secret) for _, secret in named]


def backend(system: System, **key: Any) -> TokenBackend:
    audience, issuer = system.jwt_audience or None, system.jwt_issuer or None
    return TokenBackend(system.jwt_algorithm, audience=audience, issuer=issuer, leeway=LEEWAY, **key)


def public_keys_of(system: System, kid: Any) -> list[Any]:
    """The one that the token names, if the system's JWKS has it."""
    try:
        return [public_keys.key_of(system.jwks_url, system.jwt_algorithm, kid)]
    except public_keys.UnknownKey:
        raise TokenInvalid("This token's signature cannot be checked: its key is not at the JWKS address.") from None


def signing_keys(system: System) -> list[tuple[str, str]]:
    """(kid, secret) of each live secret, newest first; else the shared secret, which has no kid."""
    secrets = system.signing_secrets.all()
    if secrets:
        return [(secret.kid, revealed(secret)) for secret in secrets if secret.live]
    return [("", settings.CHAT_GATEWAY_JWT_SECRET)] if settings.CHAT_GATEWAY_JWT_SECRET else []


def revealed(secret: SigningSecret) -> str:
    try:
        return secret.secret.reveal()
    except SecretUnreadable as error:
        raise NotConfigured("The signing secret cannot be decrypted: ENCRYPTION_KEYS lacks its key.") from error


def expiry_within_bounds(claims: dict[str, Any]) -> None:
    expires = claims.get("exp")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise TokenInvalid("This token has no expiry (exp).")
    if expires > timezone.now().timestamp() + MAX_TOKEN_LIFETIME.total_seconds() + LEEWAY:
        raise TokenInvalid("This token expires more than 30 days ahead.")
