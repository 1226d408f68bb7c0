"""One sync: every user asked for, many requests at a time, few of them to the same system."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import groupby

from history.models import ChatUser
from history.recorder import let_go_of_database
from history.sync.lock import Lock
from history.sync.report import Report
from history.sync.upstream import Upstream
from history.sync.visit import Job, Options, Visit
from tenants.caller import Caller
from tenants.errors import NotConfigured
from tenants.models import System

WORKERS = 8
PER_SYSTEM = 4
HEARTBEAT = 5.0  # seconds


def known_users(systems: Iterable[str] = (), users: Iterable[str] = ()) -> list[Caller]:
    """Of enabled systems, and only those that are named where any are."""
    known = ChatUser.objects.filter(system__enabled=True).order_by("system_id", "user_id")
    known = known.filter(system_id__in=systems) if systems else known
    known = known.filter(user_id__in=users) if users else known
    found = {system.pk: system for system in System.objects.filter(enabled=True)}
    return [Caller(found[row[0]], row[1]) for row in known.values_list("system_id", "user_id") if row[0] in found]


@dataclass
class Lane:
    """One system's work: users not yet begun, and the jobs of those that are."""

    upstream: Upstream
    callers: deque[Caller]
    jobs: deque[tuple[Visit, Job]] = field(default_factory=deque)
    running: int = 0


class Sync:
    """`run` it once, while holding the lock. `on_user` is told of every user that is done."""

    def __init__(
        self,
        options: Options,
        *,
        workers: int = WORKERS,
        per_system: int = PER_SYSTEM,
        on_user: Callable[[Caller], None] = lambda caller: None,
    ) -> None:
        self.report = Report()
        self._options = options
        self._workers = workers
        self._per_system = per_system
        self._on_user = on_user
        self._left: dict[Visit, int] = {}  # jobs of each user that is begun
        self._lanes: list[Lane] = []

    def run(self, callers: list[Caller], lock: Lock) -> Report:
        self._lanes = list(self._lanes_of(callers))
        running: dict[Future[list[Job]], tuple[Lane, Visit]] = {}
        executor = ThreadPoolExecutor(self._workers, thread_name_prefix="sync")
        try:
            while self._start(executor, running):
                let_go_of_database()
                done, _ = wait(running, timeout=HEARTBEAT, return_when=FIRST_COMPLETED)
                for future in done:
                    self._finish(*running.pop(future), future.result())
                lock.beat()
        finally:
            executor.shutdown(cancel_futures=True)
        return self.report

    def _lanes_of(self, callers: list[Caller]) -> Iterator[Lane]:
        for system, group in groupby(callers, key=lambda caller: caller.system):
            try:
                yield Lane(Upstream(system, self.report), deque(group))
            except NotConfigured as error:
                self.report.fail(system.system_id, "", str(error.detail))

    def _start(self, executor: ThreadPoolExecutor, running: dict[Future[list[Job]], tuple[Lane, Visit]]) -> bool:
        """Fills the free places, the systems taking turns. False if everything is done."""
        started = True
        while started and len(running) < self._workers:
            started = False
            for lane in self._lanes:
                if len(running) < self._workers and lane.running < self._per_system and (next_up := self._next(lane)):
                    visit, job = next_up
                    lane.running += 1
                    running[executor.submit(carried_out, job)] = (lane, visit)
                    started = True
        return bool(running)

    def _next(self, lane: Lane) -> tuple[Visit, Job] | None:
        if not lane.jobs and lane.callers:
            visit = Visit(lane.callers.popleft(), lane.upstream, self._options, self.report)
            self._left[visit] = 1
            return visit, visit.begin
        return lane.jobs.popleft() if lane.jobs else None

    def _finish(self, lane: Lane, visit: Visit, more: list[Job]) -> None:
        """Who has been begun comes before the next user, so that a sync that is killed leaves few half done."""
        lane.running -= 1
        lane.jobs.extend((visit, job) for job in more)
        self._left[visit] += len(more) - 1
        if self._left[visit] == 0:
            del self._left[visit]
            self._end(lane, visit)

    def _end(self, lane: Lane, visit: Visit) -> None:
        visit.end()
        self._on_user(visit.caller)


def carried_out(job: Job) -> list[Job]:
    """In a thread of the pool, which keeps no database connection between two jobs."""
    try:
        return job()
    finally:
        let_go_of_database()
