"""Serving it: in the foreground for the command, or in a thread of its own for tests.

Nothing is monkey-patched. gevent gives every thread its own hub, and the stand-in uses gevent's own sleep, events
and sockets, so that it waits without blocking anybody else.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from dify.standin.app import Application
from dify.standin.exchange import CutError, Request
from dify.standin.profiles import DEMO_APPS, App
from dify.standin.store import Store
from dify.standin.tempo import Tempo
from dify.standin.versions import VERSIONS
from dify.standin.world import World

HOST = "127.0.0.1"
BACKLOG = 4096  # thousands of streams may open at once
AT_ONCE = Tempo(linger=0, title=0)


class Handler(WSGIHandler):
    def handle(self) -> None:
        # Small pieces have to leave at once: Nagle would hold each token back until the last one is acknowledged.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        if isinstance(v, CutError):
            self.close_connection = True
        else:
            super().handle_error(t, v, tb)


def serving(world: World, host: str, port: int) -> WSGIServer:
    """A server that listens already, so that a port in use is known at once."""
    address = (host, port)
    server = WSGIServer(address, Application(world), backlog=BACKLOG, spawn=Pool(), log=None, handler_class=Handler)
    server.init_socket()
    return server


class StandIn:
    """A stand-in that runs in a thread of its own."""

    def __init__(self, world: World, host: str, port: int) -> None:
        self.world = world
        self.requests: deque[Request] = deque()  # what reached it, oldest first
        self.world.requests = self.requests
        self.address = (host, port)
        self.ready = threading.Event()
        self.failure: OSError | None = None
        self.thread = threading.Thread(target=self.run, name="dify-standin", daemon=True)

    @property
    def url(self) -> str:
        """Its Service API, /v1 included."""
        return f"http://{self.address[0]}:{self.address[1]}/v1"

    @property
    def store(self) -> Store:
        return self.world.store

    def start(self) -> None:
        self.thread.start()
        self.ready.wait()
        if self.failure:
            raise self.failure

    def stop(self) -> None:
        self.stopping.send()  # the one thing another thread may do to a hub
        self.thread.join()

    def run(self) -> None:
        hub, told = gevent.get_hub(), Event()
        self.stopping = hub.loop.async_()
        self.stopping.start(told.set)
        try:
            self.serve(told)
        except OSError as error:
            self.failure = error
        finally:
            self.ready.set()
            hub.destroy(destroy_loop=True)

    def serve(self, told: Event) -> None:
        server = serving(self.world, *self.address)
        server.start()
        self.address = (self.address[0], server.server_port)
        self.ready.set()
        told.wait()
        server.stop(timeout=0)


@contextmanager
def running_standin(
    version: str = "1.13.2",
    *,
    host: str = HOST,
    port: int = 0,
    apps: Mapping[str, App] = DEMO_APPS,
    tempo: Tempo = AT_ONCE,
    clock: Callable[[], float] = time.time,
) -> Iterator[StandIn]:
    """A stand-in for the length of a `with`, on a free port unless one is asked for."""
    world = World(VERSIONS[version], apps, tempo, Store(clock))
    standin = StandIn(world, host, port)
    standin.start()
    try:
        yield standin
    finally:
        standin.stop()
