"""A system's Dify as a sync speaks to it: calls are counted, and one that is down is not asked for every user."""

from collections.abc import Callable
from threading import Lock

from dify.client import DifyClient, JSONObject
from dify.errors import DifyError, DifyTimeout, DifyUnreachable
from history.recorder import let_go_of_database
from history.sync.paging import PAGE
from history.sync.report import Report
from tenants.caller import Caller
from tenants.dify_app import client_of
from tenants.models import System

GIVE_UP_AFTER = 5  # users in a row whom it could not serve


class GivenUp(DifyUnreachable):
    """Not asked any more."""


class Upstream:
    """Methods raise DifyError; making one raises NotConfigured."""

    def __init__(self, system: System, report: Report) -> None:
        self._client: DifyClient = client_of(system)
        self._report = report
        self._in_vain: set[str] = set()  # users, since the last answer
        self._lock = Lock()

    def conversations(self, caller: Caller, order: str, last_id: str) -> JSONObject:
        return self._call(
            caller,
            lambda: self._client.conversations(caller.dify_user, limit=PAGE, sort_by=order, last_id=last_id),
        )

    def messages(self, caller: Caller, conversation_id: str, first_id: str) -> JSONObject:
        return self._call(
            caller, lambda: self._client.messages(caller.dify_user, conversation_id, limit=PAGE, first_id=first_id)
        )

    def _call(self, caller: Caller, ask: Callable[[], JSONObject]) -> JSONObject:
        if len(self._in_vain) >= GIVE_UP_AFTER:
            raise GivenUp(f"Not visited: Dify failed for {GIVE_UP_AFTER} users in a row.")
        let_go_of_database()
        self._report.count_call()
        failed = False
        try:
            return ask()
        except DifyError as error:
            failed = isinstance(error, DifyUnreachable | DifyTimeout) or error.status == 401
            raise
        finally:
            self._note(caller, failed)

    def _note(self, caller: Caller, failed: bool) -> None:
        with self._lock:
            if failed:
                self._in_vain.add(caller.user_id)
            else:
                self._in_vain.clear()
