"""Everything that is counted about some turns: those of a day, of a system, of a whole period."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Tally:
    messages: int = 0
    users: int = 0
    tokens: int = 0
    failed: int = 0
    stopped: int = 0
    likes: int = 0
    dislikes: int = 0
    cost: dict[str, Decimal] = field(default_factory=dict)  # by currency: they are never added up
    errors: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)  # in milliseconds

    def pay(self, currency: str, price: Decimal) -> None:
        self.cost[currency] = self.cost.get(currency, Decimal()) + price

    def percentile(self, percent: int) -> int | None:
        """The time within which so many in a hundred were answered; None without an answer."""
        rank = -(-self.latencies.total() * percent // 100)
        for milliseconds in sorted(self.latencies):
            rank -= self.latencies[milliseconds]
            if rank <= 0:
                return milliseconds
        return None
