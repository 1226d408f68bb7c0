"""A Redis of the test's own, which can go away and come back."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis, RedisError

from tests.processes import free_port


class RedisServer:
    def __init__(self, program: str, directory: Path) -> None:
        self.program = program
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [self.program, *options, "--dir", str(self.directory)], stdout=subprocess.DEVNULL
        )
        for _ in range(100):
            try:
                Redis.from_url(self.url).ping()
            except RedisError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("redis-server does not answer.")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def running_redis(directory: Path) -> Iterator[RedisServer]:
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("redis-server is not installed")
    server = RedisServer(program, directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
