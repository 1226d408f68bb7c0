"""What a sync did, counted by many threads, and what went wrong, each with its name and reason."""

import time
from collections import Counter
from threading import Lock
from typing import Any, NamedTuple

COUNTED = ("seen", "added", "changed", "deleted")


class Problem(NamedTuple):
    system_id: str
    user_id: str  # empty if it concerns the whole system
    reason: str

    def __str__(self) -> str:
        return f"{self.system_id}/{self.user_id}: {self.reason}" if self.user_id else f"{self.system_id}: {self.reason}"


class Report:
    def __init__(self) -> None:
        self.conversations: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self.users = 0
        self.calls = 0
        self._begun = time.monotonic()
        self._lock = Lock()

    def count_conversations(self, **numbers: int) -> None:
        with self._lock:
            self.conversations.update(numbers)

    def count_messages(self, **numbers: int) -> None:
        with self._lock:
            self.messages.update(numbers)

    def count_call(self) -> None:
        with self._lock:
            self.calls += 1

    def count_user(self) -> None:
        with self._lock:
            self.users += 1

    def fail(self, system_id: str, user_id: str, reason: str) -> None:
        with self._lock:
            self.problems.append(Problem(system_id, user_id, reason))

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._begun, 3)

    def as_json(self) -> dict[str, Any]:
        return {
            "users": self.users,
            "conversations": {what: self.conversations[what] for what in COUNTED},
            "messages": {what: self.messages[what] for what in COUNTED},
            "calls": self.calls,
            "seconds": self.seconds,
            "errors": [problem._asdict() for problem in self.problems],
        }

    def as_line(self) -> str:
        return (
            f"{self.users} users; conversations: {numbers(self.conversations)}; messages: {numbers(self.messages)}; "
            f"{self.calls} calls in {self.seconds:.1f} s; {len(self.problems)} problems"
        )


def numbers(counted: Counter[str]) -> str:
    return ", ".join(f"{counted[what]} {what}" for what in COUNTED)
