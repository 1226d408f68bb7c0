"""Words in the query that provoke trouble on purpose.

They stand in double square brackets, anywhere in the query, several at once if you like; a number may follow after a
space or a colon: `[[slow 3]]`, `[[long:300]] [[pace:5]]`. Times are seconds where nothing else is said.

| word | what happens |
|---|---|
| slow N, delay N | the first token takes N seconds (30) |
| paced MS, pace MS | MS milliseconds between two tokens (200) |
| long N | an answer of N words (300) |
| huge N | an answer of N kilobytes (1024) |
| md | an answer with every kind of Markdown |
| hostile | an answer full of hostile Markdown and HTML |
| sources | the answer has citations (retriever_resources) |
| think | reasoning_chunk events come before the answer |
| replace | midway, moderation replaces the answer (message_replace) |
| final | the stream repeats the complete answer in one last `message`, as new-style agents do |
| pause | a chatflow asks a human and pauses: human_input_required, workflow_paused, no message_end |
| silence N | midway, nothing comes for N seconds (302), not even a ping; then the answer goes on |
| cut | the connection breaks midway |
| drop | the connection breaks before a single byte |
| noend | the stream ends without message_end |
| hang N | the connection stays open for N seconds (600) after the end |
| error | midway, an error event |
| failed, miderr, midfail | midway, the provider fails: an error event, or a failed workflow in a chatflow |
| 400 401 403 429 500 503 | the model provider answers with this status before the first token |
| http N | the request itself is refused with status N (500) and a JSON error, before any stream |
| busy | too many active requests: 400 invalid_param |
| html | a proxy in front answers 502 with an HTML page |
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

WORD = re.compile(r"\[\[\s*([a-z]+|\d{3})(?:[ :]+([\d.]+))?\s*\]\]", re.IGNORECASE)
SAME = {"delay": "slow", "pace": "paced", "miderr": "failed", "midfail": "failed"}
DEFAULTS = {"slow": 30.0, "paced": 200.0, "long": 300.0, "huge": 1024.0, "http": 500.0}
PROVIDER_STATUSES = frozenset({"400", "401", "403", "429", "500", "503"})


@dataclass(frozen=True, slots=True)
class Trouble:
    words: Mapping[str, float | None] = field(default_factory=dict)

    def __contains__(self, word: str) -> bool:
        return word in self.words

    def number(self, word: str, default: float | None = None) -> float:
        """The number after the word, or its default."""
        given = self.words.get(word)
        if given is not None:
            return given
        return DEFAULTS[word] if default is None else default

    @property
    def provider_status(self) -> int | None:
        return next((int(word) for word in self.words if word in PROVIDER_STATUSES), None)


NONE = Trouble()


def in_query(query: str) -> Trouble:
    if "[[" not in query:
        return NONE
    return Trouble({meaning(word): number(digits) for word, digits in WORD.findall(query)})


def meaning(word: str) -> str:
    return SAME.get(word.lower(), word.lower())


def number(digits: str) -> float | None:
    try:
        return float(digits)
    except ValueError:
        return None


def without_words(query: str) -> str:
    return WORD.sub("", query).strip() if "[[" in query else query.strip()
