"""What moved in, what did not and why: numbers and ids, and nothing that anybody said."""

import time
from collections import Counter
from typing import Any

KINDS = ("systems", "users", "conversations", "turns")
COUNTED = ("seen", "new", "completed", "skipped")
MOST_EXAMPLES = 5
MOST_CHARACTERS = 80  # of an id that is shown


class Report:
    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self.notes: list[str] = []
        self.halves: Counter[str] = Counter()  # turns that came without one
        self._skips: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self._begun = time.monotonic()

    def count(self, kind: str, **numbers: int) -> None:
        self.counts[kind].update(numbers)

    def skip(self, kind: str, why: str, example: str, what: str = "") -> None:
        """`what` is the kind's word, unless only a part of one is left out."""
        number, examples = self._skips.get((what or kind, why), (0, []))
        if len(examples) < MOST_EXAMPLES and (shown := shortened(example)) not in examples:
            examples.append(shown)
        self._skips[what or kind, why] = (number + 1, examples)
        self.counts[kind]["skipped"] += not what

    def note(self, kind: str, why: str, example: str) -> None:
        """Something that was taken, but not as it should be."""
        self.skip(kind, why, example, what=f"{kind} taken")

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._begun, 3)

    def as_json(self) -> dict[str, Any]:
        return {
            **{kind: {what: self.counts[kind][what] for what in COUNTED} for kind in KINDS},
            "notes": self.notes,
            "reasons": [
                {"what": what, "why": why, "count": number, "examples": examples}
                for (what, why), (number, examples) in self._skips.items()
            ],
            "seconds": self.seconds,
        }

    def as_lines(self) -> list[str]:
        return [f"{kind}: {numbers(self.counts[kind])}" for kind in KINDS]

    def reasons(self) -> list[str]:
        return [
            f"{number:,} {what}: {why} ({', '.join(examples)}{', …' if number > len(examples) else ''})"
            for (what, why), (number, examples) in self._skips.items()
        ]


def numbers(counted: Counter[str]) -> str:
    return ", ".join(f"{counted[what]:,} {what}" for what in COUNTED)


def shortened(text: str) -> str:
    """An id as it can be shown: on one line, and without taking the whole screen."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return shown if len(shown) <= MOST_CHARACTERS else f"{shown[:MOST_CHARACTERS]}…"
