"""The variables of the FastAPI gateway that came before this one, read and put in order; nothing is stored here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError

from dify.addresses import service_url
from tenants.models import MIN_SECRET_BYTES, SYSTEM_ID
from tenants.origins import normalized_origin

DIFY_VARIABLE = re.compile(r"DIFY_(.+)_(BASE_URL|API_KEY)")
SECRET_VARIABLES = ("CHAT_GATEWAY_JWT_SECRET", "JWT_SECRET")
LISTS = ("CHAT_GATEWAY_API_KEY", "ALLOWED_SYSTEM_IDS", "ALLOWED_CHAT_TOKEN_ORIGINS")
MAX_KEY = 512  # characters
SHORT_KEY = 20


@dataclass
class LegacySystem:
    system_id: str
    allowed: bool = True  # the old gateway let it in
    base_url: str = ""  # empty: the shared Dify
    app_key: str = ""
    old_id: str = ""  # how Dify knows its users, if that is another


@dataclass
class LegacyGateway:
    """What the variables say. `notes` are sentences about what is left out or changes, without any secret."""

    base_url: str = ""
    app_key: str = ""
    systems: dict[str, LegacySystem] = field(default_factory=dict)
    api_keys: list[str] = field(default_factory=list)
    jwt_secret: str = ""
    origins: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(variables: Mapping[str, str | None]) -> LegacyGateway:
    given = {name: value.strip() for name, value in variables.items() if value and value.strip()}
    old = LegacyGateway()
    old.base_url = checked_address("DIFY_BASE_URL", given, old.notes)
    old.app_key = given.get("DIFY_API_KEY", "")
    read_systems(given, old)
    read_keys(given, old)
    read_secret(given, old)
    read_origins(given, old)
    if not old.systems and (old.app_key or old.api_keys or old.jwt_secret or old.origins):
        old.notes.append("No system is named. List those that clients send in ALLOWED_SYSTEM_IDS, and run this again.")
    return old


def is_legacy(name: str) -> bool:
    shared = name in ("DIFY_BASE_URL", "DIFY_API_KEY")
    return shared or name in SECRET_VARIABLES or name in LISTS or bool(DIFY_VARIABLE.fullmatch(name))


def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def checked_address(name: str, given: Mapping[str, str], notes: list[str]) -> str:
    try:
        return service_url(given[name]) if name in given else ""
    except ValidationError:
        notes.append(f"{name} is not an http(s) address.")
        return ""


def system_id_of(text: str) -> str:
    """As this gateway writes it, or empty where it cannot."""
    wanted = text.lower().replace("_", "-")
    return wanted if re.fullmatch(SYSTEM_ID, wanted) else ""


def read_systems(given: Mapping[str, str], old: LegacyGateway) -> None:
    for text in parts(given.get("ALLOWED_SYSTEM_IDS", "")):
        read_allowed_id(text, old)
    everybody_allowed = "ALLOWED_SYSTEM_IDS" not in given
    for name in sorted(given):
        if match := DIFY_VARIABLE.fullmatch(name):
            read_dify(name, match, given, old, everybody_allowed)
    for system in old.systems.values():
        complete(system, old)


def read_allowed_id(text: str, old: LegacyGateway) -> None:
    system_id = system_id_of(text)
    if not system_id:
        old.notes.append(f"ALLOWED_SYSTEM_IDS: “{text}” cannot be a system id: letters, digits and hyphens only.")
        return
    if system_id != text:
        old.notes.append(f"ALLOWED_SYSTEM_IDS: “{text}” is called {system_id} here. Its clients must send that.")
    old.systems[system_id] = LegacySystem(system_id, old_id="" if text == system_id else text)


def read_dify(
    name: str, match: re.Match[str], given: Mapping[str, str], old: LegacyGateway, everybody_allowed: bool
) -> None:
    system_id = system_id_of(match[1])
    if not system_id:
        old.notes.append(f"{name}: “{match[1]}” cannot be a system id.")
        return
    system = old.systems.setdefault(system_id, LegacySystem(system_id, allowed=everybody_allowed))
    if match[2] == "API_KEY":
        system.app_key = given[name]
    else:
        system.base_url = checked_address(name, given, old.notes)


def complete(system: LegacySystem, old: LegacyGateway) -> None:
    """The old gateway sent the shared key to a system's own address too; here that takes a key of the system's."""
    if system.base_url and not system.app_key:
        system.app_key = old.app_key
    if not system.allowed:
        old.notes.append(f"{system.system_id} is not in ALLOWED_SYSTEM_IDS, so it is created disabled.")
    if not (system.base_url or old.base_url) or not (system.app_key or old.app_key):
        old.notes.append(f"{system.system_id} has no complete Dify app. Give it an address and a key in the admin.")


def read_keys(given: Mapping[str, str], old: LegacyGateway) -> None:
    for place, key in enumerate(parts(given.get("CHAT_GATEWAY_API_KEY", "")), start=1):
        if len(key) > MAX_KEY:
            old.notes.append(f"CHAT_GATEWAY_API_KEY: key {place} is longer than {MAX_KEY} characters.")
            continue
        if len(key) < SHORT_KEY:
            old.notes.append(f"CHAT_GATEWAY_API_KEY: key {place} works, but is short enough to guess. Replace it soon.")
        old.api_keys.append(key)


def read_secret(given: Mapping[str, str], old: LegacyGateway) -> None:
    name = next((name for name in SECRET_VARIABLES if name in given), "")
    secret = given.get(name, "")
    if name != "JWT_SECRET" and given.get("JWT_SECRET", secret) != secret:
        old.notes.append("JWT_SECRET differs from CHAT_GATEWAY_JWT_SECRET, which the old gateway used before it.")
    if len(secret.encode()) >= MIN_SECRET_BYTES:
        old.jwt_secret = secret
    elif secret:
        old.notes.append(
            f"{name} is shorter than {MIN_SECRET_BYTES} bytes. Set it as CHAT_GATEWAY_JWT_SECRET in this gateway's .env"
            " while tokens signed with it are in use: systems that have no signing secret of their own take it."
        )


def read_origins(given: Mapping[str, str], old: LegacyGateway) -> None:
    for text in given.get("ALLOWED_CHAT_TOKEN_ORIGINS", "").replace(",", " ").split():
        if text == "*":
            old.notes.append("ALLOWED_CHAT_TOKEN_ORIGINS: “*” would let any site ask for tokens. Name the sites.")
            continue
        try:
            old.origins.append(normalized_origin(text))
        except (ValidationError, UnicodeError):
            old.notes.append(f"ALLOWED_CHAT_TOKEN_ORIGINS: “{text}” is not an origin like https://www.example.com.")
    old.origins = list(dict.fromkeys(old.origins))
