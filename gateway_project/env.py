"""Typed reading of the environment, which `.env` extends but never overrides.

A value that cannot be read does not stop the process with a traceback: the default is used, the problem is
remembered, and the system check `gateway.E001` reports it with a hint.
"""

import os
from pathlib import Path

import dj_database_url
from dotenv import load_dotenv

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}

problems: list[str] = []


def load(path: Path) -> None:
    load_dotenv(path, override=False, interpolate=False)


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool) -> bool:
    value = text(name).lower()
    if value in TRUE | FALSE:
        return value in TRUE
    if value:
        problems.append(f"{name} must be on or off.")
    return default


def number(name: str, default: float, *, least: float = 0) -> float:
    value = text(name)
    if not value:
        return default
    try:
        parsed = float(value)
    except ValueError:
        parsed = float("nan")
    if parsed >= least:
        return parsed
    problems.append(f"{name} must be a number of at least {least:g}.")
    return default


def integer(name: str, default: int, *, least: int = 0) -> int:
    value = number(name, default, least=least)
    if value == int(value):
        return int(value)
    problems.append(f"{name} must be a whole number.")
    return default


def words(name: str) -> list[str]:
    """A comma-separated list; empty parts are dropped."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def database(name: str, default: str) -> dj_database_url.DBConfig:
    try:
        return dj_database_url.parse(text(name, default))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
        problems.append(f"{name} must look like postgres://user:password@host:5432/name.")
        return dj_database_url.parse(default)
