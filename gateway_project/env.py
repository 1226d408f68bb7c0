"""Typed reading of the environment, which `.env` extends but never overrides.

A value that cannot be read does not stop the process with a traceback: the default is used, the problem is
remembered, and the system check `gateway.E001` reports it with a hint.
"""

import ipaddress
import os
import secrets
from collections.abc import Collection
from pathlib import Path
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ValidationError
from dotenv import load_dotenv

from tenants.origins import normalized_origin

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
MOST = 10**9  # of anything: more would not fit into what waits or counts with it
DATABASES = ("postgres", "postgresql", "sqlite")

problems: list[str] = []


def load(path: Path) -> None:
    try:
        load_dotenv(path, override=False, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path} cannot be read as UTF-8 text: {error}.")


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool) -> bool:
    value = text(name).lower()
    if value in TRUE | FALSE:
        return value in TRUE
    if value:
        problems.append(f"{name} must be on or off.")
    return default


def random_unless_given(name: str) -> str:
    """The value, or a random one: the process can then still say what is missing, and signs nothing that lasts."""
    return text(name) or secrets.token_urlsafe(50)


def number(name: str, default: float, *, least: float = 0, most: float = MOST) -> float:
    value = text(name)
    if not value:
        return default
    try:
        parsed = float(value)
    except ValueError:
        parsed = float("nan")
    if least <= parsed <= most:
        return parsed
    problems.append(f"{name} must be a number from {least:,} to {most:,}.")
    return default


def integer(name: str, default: int, *, least: int = 0, most: int = MOST) -> int:
    value = number(name, default, least=least, most=most)
    if value == int(value):
        return int(value)
    problems.append(f"{name} must be a whole number.")
    return default


def words(name: str) -> list[str]:
    """A comma-separated list; empty parts are dropped."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks, such as 10.0.0.0/8. One of everybody's is refused: what is it to be told apart from?"""
    try:
        listed = [ipaddress.ip_network(word, strict=False) for word in words(name)]
    except ValueError:
        listed = []
        problems.append(f"{name} must be addresses or networks such as 10.0.0.0/8, separated by commas.")
    if any(network.prefixlen == 0 for network in listed):
        problems.append(f"{name} must not be everybody.")
        return []
    return listed


def choice(name: str, default: str, allowed: Collection[str]) -> str:
    """One of a few upper-case words, however it is written."""
    value = text(name, default).upper()
    if value in allowed:
        return value
    problems.append(f"{name} must be one of {', '.join(sorted(allowed))}.")
    return default


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (OSError, ValueError, LookupError):
        problems.append(f"{name} must be a time zone such as Asia/Seoul.")
        return default
    return value


def origin(name: str, default: str) -> str:
    """`https://host[:port]`, as a browser writes it."""
    try:
        return normalized_origin(text(name, default))
    except (ValidationError, UnicodeError):
        problems.append(f"{name} must be an address without a path, such as https://chat.example.com.")
        return default


def database(name: str, default: str) -> dj_database_url.DBConfig:
    value = text(name, default)
    try:
        if value.partition(":")[0] in DATABASES:
            return dj_database_url.parse(value)
    except ValueError:
        pass  # said below, without the value: it has a password in it
    problems.append(f"{name} must look like postgres://user:password@host:5432/name.")
    return dj_database_url.parse(default)
