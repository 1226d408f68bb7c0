"""Which row of the ledger a message of Dify's is, and which of the two knows better how the turn ended."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from history.dify_rows import Said
from history.models import Conversation, Message
from history.turns import CLOCKS_DIFFER_BY, longest_turn

SKEW = timedelta(seconds=CLOCKS_DIFFER_BY)
INTERRUPTED = "interrupted"
Status = Message.Status


def may_run(entry: Message) -> bool:
    """No process can know another's turns, so only age tells that one was left by a crash."""
    return entry.status == Status.PENDING and entry.created_at >= timezone.now() - longest_turn()


class Ledger:
    """One conversation's rows, and those of its user that Dify has not named yet."""

    def __init__(self, entries: Iterable[Message]) -> None:
        entries = list(entries)
        self._named = {entry.message_id: entry for entry in entries if entry.message_id}
        unnamed = [entry for entry in entries if not entry.message_id]
        self._running = [entry for entry in unnamed if may_run(entry)]
        self._unnamed = [entry for entry in unnamed if not may_run(entry)]

    def entry_of(self, said: Said) -> Message | None:
        """The row with this id, or else the one without an id that asked this at that time."""
        if said.id in self._named:
            return self._named[said.id]
        asked = [entry for entry in self._unnamed if asks(entry, said)]
        if not asked:
            return None
        nearest = min(asked, key=lambda entry: abs(entry.created_at - said.created_at))
        self._unnamed.remove(nearest)
        return nearest

    def awaits(self, said: Said) -> bool:
        """A running turn may be about to give its row this very id, so no other row must take it."""
        return any(said.created_at >= entry.created_at - SKEW for entry in self._running)


def asks(entry: Message, said: Said) -> bool:
    if entry.query != said.query or said.created_at < entry.created_at - SKEW:
        return False
    # What failed here may be asked again elsewhere; what a crash left pending did reach Dify, at whatever time.
    return entry.status == Status.PENDING or said.created_at <= entry.created_at + longest_turn()


def settle(entry: Message, conversation: Conversation, said: Said) -> bool:
    """Brings a row in line with Dify's. True if that changed it."""
    before = contents(entry)
    entry.message_id, entry.conversation = said.id, conversation
    take_ending(entry, said)
    if said.feedback is not None:
        entry.feedback = said.feedback
    entry.citations = entry.citations or said.citations
    entry.files = entry.files or said.files
    changed = contents(entry) != before
    if changed:
        entry.archived_at = None  # to be stored again
    return changed


WRITTEN = ["message_id", "conversation_id", "answer", "status", "error_code", "feedback", "citations", "files"]


def contents(entry: Message) -> list[object]:
    return [getattr(entry, name) for name in WRITTEN]


def take_ending(entry: Message, said: Said) -> None:
    """An empty or failed answer of Dify's never replaces a better one."""
    if said.answer and not said.failed:
        if entry.status in (Status.PENDING, Status.ANSWERED):
            entry.answer, entry.status = said.answer, Status.ANSWERED
        elif len(said.answer) > len(entry.answer):
            entry.answer = said.answer
            if entry.status == Status.FAILED:  # Dify went on after the gateway had given up
                entry.status, entry.error_code = Status.ANSWERED, ""
        return
    entry.answer = entry.answer or said.answer
    if entry.status == Status.PENDING:
        entry.status, entry.error_code = Status.FAILED, INTERRUPTED
    elif said.failed and entry.status == Status.ANSWERED and not entry.answer:
        entry.status, entry.error_code = Status.FAILED, "upstream_error"


def new_entry(conversation: Conversation, said: Said) -> Message:
    return Message(
        system_id=conversation.system_id,
        user_id=conversation.user_id,
        conversation=conversation,
        message_id=said.id,
        query=said.query,
        answer=said.answer,
        status=Status.FAILED if said.failed else Status.ANSWERED,
        error_code="upstream_error" if said.failed else "",
        created_at=said.created_at,
        feedback=said.feedback or "",
        citations=said.citations,
        files=said.files,
    )


def may_grow(said: Said) -> bool:
    """Dify lists a question at once, and moves nothing in its list when the answer comes."""
    return not said.answer and not said.failed and said.created_at >= timezone.now() - longest_turn() - SKEW
