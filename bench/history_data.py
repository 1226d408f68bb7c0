"""A made-up year of chats: words as unevenly common as in life, in four languages, and planted ones to look for."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

SYSTEMS = {"large": 0.5, "middle": 0.3, "small": 0.15, "tiny": 0.049, "new": 0.001}
YEAR = timedelta(days=365)
END = datetime(2026, 1, 1, tzinfo=UTC)
VOCABULARY, SENTENCES = 5_000, 5_000  # of each language
SEVERAL = 10  # words of each kind that is planted
# How many turns have such a word: one in …
PLANTED = {"rare": 100_000, "middle": 2_000, "frequent": 100, "common": 4}
TWO_CHARACTERS = {"rare": 100_000, "middle": 2_000}
STATUSES = {"answered": 0.978, "failed": 0.02, "stopped": 0.002}
FEEDBACK = {"": 0.965, "like": 0.03, "dislike": 0.005}

LETTERS = {
    "en": "etaoinshrdlucmwfygpbvk",
    "ko": "".join(chr(0xAC00 + 28 * n + k) for n in range(0, 380, 3) for k in (0, 4, 8)),
    "ja": "".join(map(chr, range(0x3042, 0x3094))) + "".join(map(chr, range(0x4E00, 0x4F80))),
    "zh": "".join(map(chr, range(0x5000, 0x5400))),
}
LENGTHS = {"en": (2, 10), "ko": (2, 5), "ja": (2, 5), "zh": (2, 3)}
BETWEEN = {"en": " ", "ko": " ", "ja": "", "zh": ""}


class Turn(NamedTuple):
    conversation: int
    system: str
    user: str
    query: str
    answer: str
    at: datetime
    status: str
    feedback: str


def planted(kind: str) -> list[str]:
    """No word of a language has a q and two digits."""
    return [f"q{kind}{number:02}" for number in range(SEVERAL)]


def planted_short(kind: str) -> list[str]:
    """Two characters that no language here has."""
    begin = 0x6000 + 100 * list(TWO_CHARACTERS).index(kind)
    return [chr(begin + 2 * number) + chr(begin + 2 * number + 1) for number in range(SEVERAL)]


class Writer:
    def __init__(self, seed: int = 7) -> None:
        self.random = random.Random(seed)  # noqa: S311, made-up data
        self.sentences = {language: self.some_sentences(language) for language in LETTERS}
        kinds = [(planted(kind), often) for kind, often in PLANTED.items()]
        kinds += [(planted_short(kind), often) for kind, often in TWO_CHARACTERS.items()]
        # Each word of a kind is as often as the kind says.
        self.planted = [(word, 1 / often) for words, often in kinds for word in words]

    def some_sentences(self, language: str) -> list[str]:
        low, high = LENGTHS[language]
        words = [
            "".join(self.random.choices(LETTERS[language], k=self.random.randint(low, high))) for _ in range(VOCABULARY)
        ]
        zipf = [1 / rank for rank in range(1, VOCABULARY + 1)]
        return [
            BETWEEN[language].join(self.random.choices(words, zipf, k=self.random.randint(5, 14))) + "."
            for _ in range(SENTENCES)
        ]

    def turns(self, conversations: int, messages: int) -> Iterator[Turn]:
        """Conversation by conversation, in the order of their beginnings; one in ten goes on months later."""
        for number in range(conversations):
            system = self.one_of(SYSTEMS)
            user = f"user-{self.random.randrange(max(1, int(conversations * SYSTEMS[system]) // 10))}"
            sentences = self.sentences[self.random.choice(list(LETTERS))]
            at = END - YEAR + YEAR * number / conversations
            for turn in range(messages // conversations):
                later = turn and number % 10 == 0
                at += (END - at) * self.random.random() / 2 if later else timedelta(seconds=60)
                said = self.random.choices(sentences, k=self.random.randint(3, 8))
                answer = self.with_planted(" ".join(said[1:]))
                yield Turn(number, system, user, said[0], answer, at, self.one_of(STATUSES), self.one_of(FEEDBACK))

    def one_of(self, shares: dict[str, float]) -> str:
        return self.random.choices(list(shares), list(shares.values()))[0]

    def with_planted(self, answer: str) -> str:
        found = [word for word, share in self.planted if self.random.random() < share]
        return f"{answer} {' '.join(found)}" if found else answer


def new_id() -> str:
    return str(uuid.UUID(int=random.getrandbits(128)))
