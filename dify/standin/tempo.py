"""How fast the stand-in is. All times in seconds; `speed` divides every one of them, so that a test can replay a
wait of 25 s, with the pings in it, in a quarter of a second.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tempo:
    delay: float = 0.0  # before the first token, or before a blocking answer
    pace: float = 0.0  # between two tokens
    ping: float = 10.0  # between two `event: ping`
    silence: float = 302.0  # how long a stream stays silent where Dify would
    hang: float = 600.0  # how long [[hang]] keeps the connection open after the end
    linger: float = 1.0  # 1.13.2 keeps a chatflow's connection open this long after the end
    title: float = 0.5  # until a new conversation gets its generated name
    speed: float = 1.0

    def seconds(self, wanted: float) -> float:
        return wanted / self.speed
