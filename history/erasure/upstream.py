"""Deletes a person's conversations in Dify, those too that the ledger never heard of, and sees that none is left."""

import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from dify.client import DifyClient
from dify.errors import DifyError, DifyMissing, DifyTimeout, DifyUnreachable
from history.recorder import let_go_of_database
from history.sync import paging
from history.sync.lock import Lock
from tenants.caller import Caller

AT_ONCE = 4
ROUNDS = 50  # a list longer than Dify can page is emptied from its beginning, again and again

# What no call of Dify's API can delete.
BEYOND_REACH = (
    "Dify keeps its record of the end user: the name that the gateway gave it, with the user id in it.",
    "Files that were uploaded stay in Dify's storage.",
    "Older versions of Dify only hide a deleted conversation: its rows stay in Dify's database and in the app's logs.",
    "What Dify passed on is not reached: workflow logs, annotations made from answers, traces, the model's provider.",
)


class Deletion:
    """`run` it once. What it could not do stands in `left`, by conversation, and in `problems`."""

    def __init__(self, client: DifyClient, caller: Caller, lock: Lock) -> None:
        self.deleted: list[str] = []
        self.already_gone: list[str] = []
        self.left: dict[str, str] = {}  # conversation id → why
        self.problems: list[str] = []
        self._client = client
        self._caller = caller
        self._lock = lock
        self._given_up = ""  # why

    def run(self, known: Iterable[str]) -> None:
        self._delete(known)
        for _ in range(ROUNDS):
            listed = self.listed()
            fresh = [found for found in listed if found not in self._tried]
            if not fresh:
                break
            self._delete(fresh)
        for found in listed:  # as deleted as Dify may say it is
            self.left.setdefault(found, "Dify still lists it.")
        self.deleted = [gone for gone in self.deleted if gone not in self.left]
        self.already_gone = [gone for gone in self.already_gone if gone not in self.left]

    def listed(self) -> list[str]:
        """The ids that Dify lists now; none, and a problem, if it cannot."""
        if self._given_up:
            self.problems.append(f"Dify was not asked for conversations that are unknown here: {self._given_up}")
            return []
        let_go_of_database()
        try:
            found = paging.conversations(self._page)
        except DifyError as error:
            self.problems.append(f"Dify's list of conversations could not be read: {error}")
            return []
        if found.dropped:
            self.problems.append(f"Dify lists {found.dropped} conversations without an id.")
        return list(found.rows)

    def _page(self, order: str, last_id: str) -> dict[str, object]:
        self._lock.beat()
        return self._client.conversations(self._caller.dify_user, limit=paging.PAGE, sort_by=order, last_id=last_id)

    @property
    def _tried(self) -> set[str]:
        return {*self.deleted, *self.already_gone, *self.left}

    def _delete(self, conversation_ids: Iterable[str]) -> None:
        let_go_of_database()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="erase") as executor:
            for some in chunks(conversation_ids, AT_ONCE):
                errors = list(executor.map(self._delete_one, some))
                for conversation_id, error in zip(some, errors, strict=True):
                    self._note(conversation_id, error)
                self._lock.beat()
                if all(isinstance(error, DifyUnreachable | DifyTimeout) for error in errors):
                    self._given_up = str(errors[0])

    def _delete_one(self, conversation_id: str) -> DifyError | None:
        if self._given_up:
            return DifyUnreachable(self._given_up)
        try:
            # Dify's ids are UUIDs, so it has no conversation of another name; and such a name could be a path.
            self._client.delete(self._caller.dify_user, str(uuid.UUID(conversation_id)))
        except ValueError:
            return DifyMissing()
        except DifyError as error:
            return error
        return None

    def _note(self, conversation_id: str, error: DifyError | None) -> None:
        if error is None:
            self.deleted.append(conversation_id)
        elif isinstance(error, DifyMissing):
            self.already_gone.append(conversation_id)
        else:
            self.left[conversation_id] = str(error)


def chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = list(dict.fromkeys(items))
    for start in range(0, len(rest), size):
        yield rest[start : start + size]
