"""How numbers are written: for a sentence or a table in full, beside an axis short."""

from decimal import Decimal

from history.charts.series import Number

NOTHING = "–"
CENTS = Decimal("0.01")


def count(number: Number) -> str:
    return NOTHING if number is None else f"{number:,.0f}"


def money(amount: Number | Decimal) -> str:
    """To the cent; what is less than a cent keeps two digits."""
    exact = Decimal(str(amount or 0))
    if not exact or abs(exact) >= CENTS:
        return f"{exact:,.2f}"
    return f"{exact:.{1 - exact.adjusted()}f}"


def price(amount: Decimal, currency: str) -> str:
    return f"{money(amount)} {currency}".strip()


def took(milliseconds: Number) -> str:
    """Three digits, which is as many as are counted."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    digits = 2 if seconds < 10 else 1 if seconds < 100 else 0
    return f"{seconds:,.{digits}f} s"


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


def change(now: float | Decimal, before: float | Decimal) -> str:
    """In percent of what was before; of nothing there is no percentage."""
    if not before:
        return ""
    percent = round(100 * (float(now) - float(before)) / float(before))
    return f"{percent:+,} %".replace("-", "−") if percent else "±0 %"


def short(number: float) -> str:
    """1500 as 1.5k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def short_time(milliseconds: float) -> str:
    if not milliseconds:
        return "0"
    return f"{milliseconds / 1000:,g} s" if milliseconds >= 1000 else f"{milliseconds:g} ms"
