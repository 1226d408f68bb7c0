"""Who is asking, in rooms: somebody whom a token names, or somebody whom a gateway has checked and names.

An identity in the query is believed only with trust: a secret key of the system, a signature that the gateway made
over the identity, or an address that the system lists. See docs/rooms.md.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated, PermissionDenied, ValidationError

from dify.addresses import IPAddress
from rooms import peer, policy
from rooms.models import RoomPolicy
from rooms.person import Person
from tenants import tokens, visitors
from tenants.authentication import ApiKeyAuthentication, bearer_from
from tenants.caller import KeyHolder, enabled_system, missing, unprintable, valid_user_id
from tenants.errors import NotConfigured, TokenInvalid
from tenants.models import System
from tenants.sealed import SecretUnreadable

SIGNED = ("user_id", "nickname", "email", "profile_url")
SIGNATURE_LIVES = 300  # seconds
# In characters: what the columns of rooms/models.py hold.
LONGEST = {"name": 200, "email": 320, "profile_url": 2000, "role": 100, "trip_id": 200}
UNTRUSTED = (
    "The identity in the address is not to be believed as it stands. Send a token, or let your gateway send a secret "
    "key (X-API-Key) or sign the identity, or list its address in the admin."
)
NOBODY = "Say who you are: with a token, or through a gateway that the system trusts."


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request or a handshake brings along. `token` is one that came in another way, such as a frame."""

    headers: Mapping[str, str]  # names in lower case
    query: Mapping[str, str]
    peer: IPAddress | None
    token: str = ""
    may_be_system: bool = False  # a server needs no user for REST; a socket is always somebody's

    @classmethod
    def of_request(cls, request: HttpRequest) -> "Credentials":
        headers = {name.lower(): value for name, value in request.headers.items()}
        address = peer.address_of(request.META.get("REMOTE_ADDR") or "", headers.get("x-forwarded-for", ""))
        return cls(headers, request.GET.dict(), address, may_be_system=True)

    @property
    def names_somebody(self) -> bool:
        return bool(self.query.get("user_id"))

    @property
    def system_id(self) -> str | None:
        return self.query.get("system_id") or self.headers.get("x-system-id") or None


def identified(credentials: Credentials) -> Person:
    """Raises NotAuthenticated, TokenInvalid, TokenExpired, PermissionDenied, ValidationError.

    A gateway that is trusted and names somebody is believed before an Authorization header: it may only have passed
    on what its client sent to it.
    """
    if token := credentials.token or credentials.query.get("token", ""):
        return person_of_token(token, credentials)
    trusted = system_of_gateway(credentials)
    bearer = None if trusted and credentials.names_somebody else bearer_from(credentials.headers.get("authorization"))
    if bearer:
        return person_of_token(bearer, credentials)
    if trusted:
        return person_of_query(trusted, credentials)
    raise NotAuthenticated(UNTRUSTED if credentials.names_somebody else NOBODY)


# Tokens ------------------------------------------------------------------------------------------------------------


def person_of_token(token: str, credentials: Credentials) -> Person:
    system, claims = tokens.claims_of(token)
    if credentials.system_id not in (None, system.system_id):
        raise PermissionDenied("This token belongs to another system.")
    person = person_of_claims(system, claims)
    if person.user_id.startswith(visitors.PREFIX) and system.jwt_algorithm == System.Algorithm.HS256:
        raise PermissionDenied("Rooms are for users who are logged in.")
    return person


def person_of_claims(system: System, claims: dict[str, Any]) -> Person:
    rules = policy.policy_of(system)
    role = text_of(claims, "role", rules.role_claim)
    service = bool(role) and role == rules.service_role
    return Person(
        system,
        user_id_of(claims, rules, service),
        name=text_of(claims, "name", rules.name_claim, "nickname"),
        email=text_of(claims, "email", rules.email_claim, "email"),
        profile_url=web_address(text_of(claims, "profile_url", rules.profile_url_claim, "profile_url")),
        role=role,
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        trip_id=text_of(claims, "trip_id", rules.trip_id_claim),
        trip_role=text_of(claims, "role", rules.trip_role_claim),
        service=service,
    )


def user_id_of(claims: dict[str, Any], rules: RoomPolicy, service: bool) -> str:
    """The mapped claim, or this gateway's own; a server's token may be nobody's."""
    value = claims.get(rules.user_id_claim, claims.get("user_id"))
    if value is None and service:
        return ""
    try:
        return valid_user_id(value)
    except ValidationError:
        raise TokenInvalid(f"This token's {rules.user_id_claim} is missing or not valid.") from None


def text_of(claims: dict[str, Any], field: str, *names: str) -> str:
    """The first of these claims that is there, as far as it is text that can be kept and shown."""
    found = [claims[name] for name in names if claims.get(name) is not None]
    value = str(found[0]) if found and isinstance(found[0], str | int) else ""
    return "".join(character for character in value if not unprintable(character)).strip()[: LONGEST[field]]


def web_address(text: str) -> str:
    """An address of a picture, which pages will show; empty for one that would do something else, as javascript:."""
    try:
        return text if urlsplit(text).scheme in ("", "http", "https") else ""
    except ValueError:
        return ""


# Gateways ----------------------------------------------------------------------------------------------------------


def system_of_gateway(credentials: Credentials) -> System | None:
    """The system whose trusted gateway sends this; None if it is none. A proof that is wrong is refused."""
    if key := credentials.headers.get("x-api-key"):
        return KeyHolder(ApiKeyAuthentication().live_key(key.strip())).system(credentials.system_id)
    if signature := credentials.headers.get("x-identity-signature") or credentials.query.get("signature"):
        return system_that_signed(credentials, signature)
    return system_that_lists(credentials)


def system_that_signed(credentials: Credentials, signature: str) -> System:
    if not credentials.system_id:
        raise NotAuthenticated("A signed identity needs its system: X-System-Id, or system_id in the address.")
    system = enabled_system(credentials.system_id)
    moment = credentials.headers.get("x-identity-timestamp") or credentials.query.get("timestamp", "")
    if not recent(moment):
        raise NotAuthenticated("The identity's signature is too old, or its timestamp is not in Unix seconds.")
    if not hmac.compare_digest(signature.lower().encode(errors="replace"), signed(system, credentials.query, moment)):
        raise NotAuthenticated("The identity's signature is not valid.")
    return system


def recent(moment: str) -> bool:
    seconds = int(moment) if moment.isascii() and moment.isdecimal() and len(moment) < 20 else 0
    return abs(timezone.now().timestamp() - seconds) <= SIGNATURE_LIVES


def signed(system: System, query: Mapping[str, str], moment: str) -> bytes:
    """What a gateway signs: a line each, in this order. Values with line breaks are refused, see named()."""
    lines = [query.get(name, "") for name in SIGNED] + [moment]
    try:
        secret = system.identity_secret.reveal()
    except SecretUnreadable as error:
        raise NotConfigured("The identity secret cannot be decrypted: ENCRYPTION_KEYS lacks its key.") from error
    if not secret:  # with an empty one anybody could sign
        raise NotConfigured("This system has no identity secret. An operator can create one in the admin.")
    text = "\n".join(lines).encode(errors="replace")
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest().encode()


def system_that_lists(credentials: Credentials) -> System | None:
    listing = policy.systems_trusting(credentials.peer) if credentials.peer else []
    if credentials.system_id:
        return enabled_system(credentials.system_id) if credentials.system_id in listing else None
    if len(listing) > 1 and credentials.names_somebody:
        raise NotAuthenticated("Several systems trust this address: say which one with X-System-Id or system_id.")
    return enabled_system(listing[0]) if len(listing) == 1 else None


# The identity in the query -----------------------------------------------------------------------------------------


def person_of_query(system: System, credentials: Credentials) -> Person:
    """Sockets need user_id, nickname and email; a server that uses REST may name a user, or speak for itself."""
    query = credentials.query
    if credentials.may_be_system and not credentials.names_somebody:
        return Person(system, "", service=True)
    required = ("user_id",) if credentials.may_be_system else ("user_id", "nickname", "email")
    for name in required:
        if not query.get(name, "").strip():
            missing(name)
    address = named(query, "profile_url", "profile_url")
    if address != web_address(address):
        raise ValidationError({"profile_url": ["This must be the address of a picture, with http or https."]})
    name, email = named(query, "nickname", "name"), named(query, "email", "email")
    return Person(system, valid_user_id(query["user_id"]), name=name, email=email, profile_url=address)


def named(query: Mapping[str, str], name: str, field: str) -> str:
    value = query.get(name, "").strip()
    if len(value) > LONGEST[field]:
        raise ValidationError({name: [f"This must have at most {LONGEST[field]} characters."]})
    if any(map(unprintable, value)):
        raise ValidationError({name: ["This contains control characters or broken text."]})
    return value
