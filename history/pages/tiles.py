"""The totals of the period, each beside that of the period before."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from history.numbers.summary import Summary
from history.numbers.tally import Tally
from history.pages import figures


@dataclass(frozen=True, slots=True)
class Tile:
    name: str
    number: str
    change: str  # in percent; empty if there was nothing before
    before: str
    about: str = ""


def tiles(found: Summary) -> Iterator[Tile]:
    now, before = found.whole, found.before
    yield counted("Messages", now.messages, before.messages)
    yield counted("Users", now.users, before.users)
    yield counted("Tokens", now.tokens, before.tokens)
    for currency in sorted({*now.cost, *before.cost}):
        yield paid(currency, now.cost.get(currency, Decimal()), before.cost.get(currency, Decimal()))
    yield counted("Failed", now.failed, before.failed, f"{figures.share(now.failed, now.messages)} of the messages")
    yield answered_within(now, before)
    yield counted("Likes", now.likes, before.likes, f"{liked(now)} of those who rated")
    yield counted("Dislikes", now.dislikes, before.dislikes)


def counted(name: str, now: int, before: int, about: str = "") -> Tile:
    return Tile(name, figures.count(now), figures.change(now, before), figures.count(before), about)


def paid(currency: str, now: Decimal, before: Decimal) -> Tile:
    return Tile("Cost", figures.price(now, currency), figures.change(now, before), figures.price(before, currency))


def answered_within(now: Tally, before: Tally) -> Tile:
    half, was = now.percentile(50), before.percentile(50)
    change = figures.change(half, was) if half is not None and was is not None else ""
    return Tile("Half answered within", figures.took(half), change, figures.took(was), within(now))


def within(tally: Tally) -> str:
    return f"95 % within {figures.took(tally.percentile(95))}"


def liked(tally: Tally) -> str:
    return figures.share(tally.likes, tally.likes + tally.dislikes)
