"""The servers under measurement, each a process of its own on a free port, and what CPU they have used."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
STARTUP = 30  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A command that listens on `port`; stopped with `stop`."""

    def __init__(self, command: list[str], environment: dict[str, str], port: int, probe: str) -> None:
        self.port = port
        self._process = subprocess.Popen(  # noqa: S603, our own commands
            [sys.executable, *command], cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL
        )
        self._wait_for(f"http://127.0.0.1:{port}{probe}")

    def _wait_for(self, address: str) -> None:
        deadline = time.monotonic() + STARTUP
        while time.monotonic() < deadline:
            try:
                urlopen(address, timeout=1)  # noqa: S310, our own address
            except OSError as error:
                if getattr(error, "code", None):  # an HTTP error is an answer too
                    return
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"Nothing answers at {address}.")

    def cpu_seconds(self) -> float:
        """User and system time of the process and its workers so far."""
        return sum(cpu_of(pid) for pid in family(self._process.pid))

    def megabytes(self) -> int:
        """Memory that the process and its workers hold now."""
        return sum(resident_bytes(pid) for pid in family(self._process.pid)) // 2**20

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in family(int(child)))]


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK
