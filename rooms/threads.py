"""Where the ASGI process does its work with the database: a few threads, which hold no connection between two calls.

asgiref's own thread is one for all, and everybody would queue there.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from history.recorder import let_go_of_database

THREADS = 4

P = ParamSpec("P")
Answer = TypeVar("Answer")

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="rooms")


async def in_thread(function: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    def and_let_go() -> Answer:
        try:
            return function(*args, **kwargs)
        finally:
            let_go_of_database()

    return await asyncio.get_running_loop().run_in_executor(_pool, and_let_go)
