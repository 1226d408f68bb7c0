"""Lengths of time as people type them."""

import re
from datetime import timedelta

UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """`3600`, `90m`, `24h` or `7d`. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,8})([smhd]?)", text.strip().lower())
    if not match:
        raise ValueError(f"“{text}” is not a length of time. Write seconds, or a number with s, m, h or d: 90m, 7d.")
    return timedelta(**{UNITS[match[2]]: int(match[1])})
