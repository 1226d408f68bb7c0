"""One user: first their list, then each conversation that it says has moved, then what a crash left open.

Each step is a job of its own, short enough to run beside others, and written down when it ends: a sync that is killed
goes on where it was. A step that fails is named in the report and stops no other.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils import timezone

from dify.errors import DifyError, DifyMissing
from history import dify_rows
from history.dify_rows import Listed, Said
from history.models import Conversation, Message
from history.sync import joining, paging, reconcile
from history.sync.reconcile import writing
from history.sync.report import Report
from history.sync.upstream import Upstream
from tenants.caller import Caller

Job = Callable[[], list["Job"]]  # what it returns is to be done next

SECOND_IS_OVER = 2.0  # seconds after its beginning, with a little for clocks that differ

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    full: bool = False  # read what has not moved, too
    since: datetime | None = None  # only what has moved since
    dry_run: bool = False


class Visit:
    def __init__(self, caller: Caller, upstream: Upstream, options: Options, report: Report) -> None:
        self.caller = caller
        self._upstream = upstream
        self._options = options
        self._report = report
        self._all_listed = False
        self._unread: set[int] = set()  # primary keys of conversations that could not be read whole
        self._left: list[Message] = []  # turns that a crash left pending

    def begin(self) -> list[Job]:
        """Reads the list."""
        return self._guarded("", self._list)

    def end(self) -> list[Job]:
        """After every other job of this user: settles the turns that nothing at Dify answers."""
        self._report.count_user()
        return self._guarded("", self._settle)

    def _guarded(self, subject: str, step: Job) -> list[Job]:
        try:
            return step()
        except DifyError as error:
            self._fail(f"{subject}{error}")
        except Exception as error:
            logger.exception("A step of a sync broke")
            self._fail(f"{subject}Something broke on our side: {type(error).__name__}.")
        return []

    def _fail(self, reason: str) -> None:
        self._report.fail(self.caller.system.system_id, self.caller.user_id, reason)

    # The list ---------------------------------------------------------------------------------------------------

    def _list(self) -> list[Job]:
        self._left = reconcile.left_pending(self.caller)
        began = timezone.now()
        listing = paging.conversations(partial(self._upstream.conversations, self.caller))
        usable = self._usable_conversations(listing)
        written = reconcile.conversations(self.caller, usable, began, self._options.dry_run)
        for conversation_id in written.foreign:
            self._fail(f"The conversation {conversation_id} was skipped: it belongs to another user.")
        self._report.count_conversations(seen=len(usable), added=written.added, changed=written.changed)
        self._all_listed = True
        mine = [row for row in sorted(usable, key=lambda row: row.updated_at) if row.id not in written.foreign]
        listed = [(written.known[row.id], row.updated_at) for row in mine if row.id in written.known]
        unlisted = [row for key, row in written.known.items() if key not in listing.rows and row.created_at < began]
        return [
            *[self._reading(row, until) for row, until in listed if self._is_due(row, until)],
            *[self._reading(row, None) for row in unlisted if not row.deleted_at and self._in_scope(row.updated_at)],
        ]

    def _usable_conversations(self, listing: paging.Listing) -> list[Listed]:
        if listing.crowded:
            self._fail("More conversations share one second than Dify can list. What it lists is up to date.")
        if listing.dropped:
            self._fail(f"{listing.dropped} conversations were skipped: they have no id.")
        usable = []
        for row in listing.rows.values():
            try:
                usable.append(dify_rows.listed(row))
            except dify_rows.Unusable as error:
                self._fail(str(error))
        return usable

    def _is_due(self, conversation: Conversation, updated_at: datetime) -> bool:
        if conversation.deleted_at:  # here, since the list was asked for
            return False
        moved = conversation.synced_until != updated_at or self._may_settle(conversation, updated_at)
        return (moved or self._options.full) and self._in_scope(updated_at)

    def _may_settle(self, conversation: Conversation, updated_at: datetime) -> bool:
        """A turn that was left pending may have its answer here."""
        return any(
            entry.conversation_id == conversation.pk
            or (entry.conversation_id is None and updated_at >= entry.created_at - joining.SKEW)
            for entry in self._left
        )

    def _in_scope(self, updated_at: datetime) -> bool:
        return self._options.since is None or updated_at >= self._options.since

    # One conversation -------------------------------------------------------------------------------------------

    def _reading(self, conversation: Conversation, until: datetime | None) -> Job:
        """`until` is its updated_at in Dify's list; None if it is missing there."""
        step = partial(self._read, conversation, until)
        return partial(self._guarded, f"Conversation {conversation.conversation_id}: ", step)

    def _read(self, conversation: Conversation, until: datetime | None) -> list[Job]:
        self._unread.add(conversation.pk)
        wait_out_the_second(until)
        try:
            listing = paging.messages(
                lambda first_id: self._upstream.messages(self.caller, conversation.conversation_id, first_id)
            )
        except DifyMissing:
            return self._gone(conversation)
        if until is None and not listing.rows:  # neither listed nor with a word in it
            return self._gone(conversation)
        whole, usable = self._usable_messages(conversation, listing)
        with writing(self._options.dry_run):
            done = reconcile.messages(self.caller, conversation, usable)
            whole = whole and not done.foreign
            reconcile.note_read(conversation, until if whole and usable and not done.open else None)
        for message_id in done.foreign:
            self._fail(f"The message {message_id} was skipped: it belongs to another conversation.")
        self._report.count_messages(seen=len(usable), added=done.added, changed=done.changed)
        if whole:
            self._unread.discard(conversation.pk)
        return []

    def _usable_messages(self, conversation: Conversation, listing: paging.Listing) -> tuple[bool, list[Said]]:
        """Whether these are all of them, and the messages."""
        name, usable = f"Conversation {conversation.conversation_id}", []
        if listing.crowded:
            self._fail(f"{name}: More messages share one second than Dify can list. What it lists is up to date.")
        if listing.dropped:
            self._fail(f"{name}: {listing.dropped} messages were skipped: they have no id.")
        for row in listing.rows.values():
            try:
                usable.append(dify_rows.said(row))
            except dify_rows.Unusable as error:
                self._fail(f"{name}: {error}")
        whole = not listing.crowded and not listing.dropped and len(usable) == len(listing.rows)
        return whole, usable

    def _gone(self, conversation: Conversation) -> list[Job]:
        with writing(self._options.dry_run):
            conversations, messages = reconcile.note_gone(conversation)
        self._report.count_conversations(deleted=conversations)
        self._report.count_messages(deleted=messages)
        self._unread.discard(conversation.pk)
        return []

    # What is left -----------------------------------------------------------------------------------------------

    def _settle(self) -> list[Job]:
        """Only what Dify was asked about: its answer may still come with the next sync."""
        if not self._all_listed or self._options.since:
            return []
        answerless = [
            entry
            for entry in self._left
            if entry.conversation_id not in self._unread and (entry.conversation_id or not self._unread)
        ]
        with writing(self._options.dry_run):
            interrupted = reconcile.interrupt(answerless)
        self._report.count_messages(changed=interrupted)
        return []


def wait_out_the_second(moment: datetime | None) -> None:
    """Dify's times are whole seconds: what is said in the second that is still running would not move the list."""
    if moment:
        time.sleep(min(max(0.0, moment.timestamp() + SECOND_IS_OVER - time.time()), SECOND_IS_OVER))
