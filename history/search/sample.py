"""What the newest conversations say of how common something is: of a word, nobody knows it beforehand."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.db.models import Case, Q, Value, When

from history.models import Message
from history.search.turns import Turns
from history.search.words import said

ALL = Q(pk__isnull=False)
COMMON = 0.05  # of all turns: the index has more of a commoner word than it saves to look at
FEW = 250  # turns, which say well enough what is common
Telling = Callable[[list[str]], list[str]]  # of some pieces those that few turns have


@dataclass(frozen=True, slots=True)
class Turn:
    conversation: int
    text: str  # folded
    fits: bool  # apart from its words


@dataclass(frozen=True, slots=True)
class Sample:
    """Some turns, among which may be those that are looked for."""

    wanted: Turns
    turns: list[Turn]
    shares: dict[str, float] = field(default_factory=dict)  # what has been counted: the same pieces are asked for again

    @classmethod
    def of(cls, conversations: list[int], wanted: Turns, searched: Q) -> "Sample":
        """Turns of these conversations, of those that are searched at all."""
        fits = Case(When(ALL & wanted.fitting, then=Value(1)), default=Value(0))
        rows = Message.objects.filter(searched, conversation__in=conversations).annotate(fits=fits)
        told = rows.values_list("conversation_id", "query", "answer", "fits")
        return cls(wanted, [Turn(pk or 0, said(query, answer), fits == 1) for pk, query, answer, fits in told])

    @property
    def found(self) -> set[int]:
        """Conversations with such a turn."""
        words = self.wanted.words
        return {turn.conversation for turn in self.turns if turn.fits and all(word in turn.text for word in words)}

    @property
    def worth_asking(self) -> list[str]:
        """Words for the index. None if another index has fewer turns that fit than have even the rarest word."""
        words = self.wanted.words
        fitting = share([turn.fits for turn in self.turns])
        return [] if self.wanted.seldom and fitting < min(map(self.share, words)) else self.telling(words)

    def telling(self, pieces: list[str]) -> list[str]:
        """Those that are not common, or at least the rarest."""
        shares = [self.share(piece) for piece in pieces]
        return [piece for piece, seen in zip(pieces, shares, strict=True) if seen <= max(COMMON, min(shares))]

    def share(self, piece: str) -> float:
        """How many of the turns have it: from 0 to 1."""
        if piece not in self.shares:
            self.shares[piece] = share([piece in turn.text for turn in self.turns[:FEW]])
        return self.shares[piece]


def share(seen: list[bool]) -> float:
    return sum(seen) / len(seen) if seen else 0
