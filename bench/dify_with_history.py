"""The stand-in with many people's conversations in it, every one of whose answers takes a while.

A process of its own: `python -m bench.dify_with_history PORT DELAY_MS USERS CONVERSATIONS MESSAGES`.
"""

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent

from dify.standin.profiles import DEMO_APPS
from dify.standin.server import HOST, serving
from dify.standin.store import Store
from dify.standin.tempo import Tempo
from dify.standin.versions import VERSIONS
from dify.standin.world import World

KEY = "app-demo-chat"
SYSTEM = "bench"
DAY = 86_400
QUESTION = "What does a ledger keep, and for how long? "
ANSWER = "It keeps every question with its answer, until its time has come. " * 6

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def fill(store: Store, users: int, conversations: int, messages: int) -> None:
    """All of it said before today, a minute between two messages."""
    begun = store.now() - 30 * DAY
    for user in range(users):
        for number in range(conversations):
            at = begun + number * DAY + user
            made = store.add_conversation(DEMO_APPS[KEY].id, f"{SYSTEM}_user-{user:04}", created_at=at)
            for place in range(messages):
                store.add_message(made, QUESTION + str(place), ANSWER, created_at=at + 60 * place)


def delayed(application: Application, seconds: float) -> Application:
    def answered(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        gevent.sleep(seconds)
        return application(environ, start_response)

    return answered


def main() -> None:
    port, delay_ms, users, conversations, messages = map(int, sys.argv[1:])
    world = World(VERSIONS["1.13.2"], DEMO_APPS, Tempo(), Store(time.time))
    fill(world.store, users, conversations, messages)
    server = serving(world, HOST, port)
    server.application = delayed(server.application, delay_ms / 1000)
    server.serve_forever()


if __name__ == "__main__":
    main()
