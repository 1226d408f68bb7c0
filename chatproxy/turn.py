"""One turn: asks Dify in a thread of its own (a greenlet under gevent), keeps the ledger, tells the listener.

The response only listens. A client that leaves changes nothing: the answer is read to its end and kept, because a
Dify whose caller hangs up stores an empty answer.
"""

import logging
import threading
import time
from contextvars import copy_context
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from chatproxy import wire
from chatproxy.listener import Listener
from dify.client import ChatStream, DifyClient
from dify.errors import DifyAnswerTooLarge, DifyBroken, DifyError, DifyRefused
from dify.reply import Reply
from history import recorder
from history.models import Message

FIRST_FLUSH = 2.0  # seconds; each further wait is twice as long, up to the longest
LONGEST_FLUSH = 16.0  # seconds
LAST_WORD = 2.0  # seconds in which a workflow that failed or was stopped may still say more
DRAIN = 30.0  # seconds for what Dify still does after the end, such as making a title
OURS = DifyError("Something broke on our side.")

logger = logging.getLogger(__name__)
running: set["Turn"] = set()


class Turn:
    """`start` it once. A streaming turn tells its `listener`; for a blocking one, `wait`."""

    def __init__(self, dify: DifyClient, entry: Message, body: dict[str, Any], listener: Listener | None) -> None:
        self.reply = Reply(settings.DIFY_MAX_ANSWER_BYTES)
        self.failure: DifyError | None = None
        self._dify = dify
        self._entry = entry
        self._body = body
        self._listener = listener
        self._stream: ChatStream | None = None
        self._relayed_bytes = 0
        self._named_in_ledger = False
        self._begun = time.monotonic()
        self._flush_after = FIRST_FLUSH
        self._next_flush = self._begun + FIRST_FLUSH
        self._decided = threading.Event()
        self._over = threading.Event()

    def start(self) -> "Turn":
        running.add(self)
        threading.Thread(target=copy_context().run, args=(self._run,), name="turn").start()
        return self

    def wait(self, seconds: float | None = None) -> bool:
        """Until the turn is over and written down. False if that took longer than `seconds`."""
        return self._over.wait(seconds)

    def starts(self, within: float) -> bool:
        """Waits until Dify says something, refuses, or the time is up. False if the turn is known to have failed."""
        self._decided.wait(within)
        return self.failure is None

    def save(self) -> None:
        """Writes down what has come so far. A database that is away for a moment does not end the turn."""
        try:
            recorder.keep_partial(self._entry, self.reply)
        except DatabaseError:
            logger.exception("A partial answer could not be written down")
        finally:
            recorder.let_go_of_database()

    def _run(self) -> None:
        last_frame = b""
        try:
            last_frame = self._outcome()
            self._settle()
        except Exception:
            logger.exception("A turn could not be written down; the next sync settles it")
        finally:
            self._announce(last_frame or wire.error(self.reply, self.failure or OURS))
            self._drain()
            running.discard(self)

    def _outcome(self) -> bytes:
        """The last event of the client's stream. Every turn has one, whatever happens."""
        try:
            return self._ask()
        except DifyError as error:
            return self._fail(self.reply.refusal or error)
        except Exception:
            logger.exception("A turn broke")
            return self._fail(OURS)

    def _ask(self) -> bytes:
        """Relays everything but the end."""
        self._stream = self._dify.chat(self._body)
        for event, raw in self._stream.events():
            self.reply.take(event)
            if self.reply.ended and not self.reply.paused:
                return self._end(raw)
            self._look_after()
            self._relay(event["event"], raw)
            if self.reply.paused:
                return wire.message_end(self.reply)
        return self._end(b"")

    def _end(self, raw: bytes) -> bytes:
        """`raw` is Dify's message_end; empty if the stream just stopped, which a finished workflow may do."""
        if self.reply.refusal:
            raise self.reply.refusal
        if not raw and self.reply.workflow_status not in ("succeeded", "stopped", "partial-succeeded"):
            raise DifyBroken("Dify ended the stream before the answer was complete.")
        return wire.relayed(raw) if raw else wire.message_end(self.reply)

    def _relay(self, name: str, raw: bytes) -> None:
        if name != "ping" and not self._decided.is_set():
            self._decided.set()
        if self._listener is None:
            return
        self._relayed_bytes += len(raw)
        if self._relayed_bytes > settings.DIFY_MAX_BODY_BYTES:
            raise DifyAnswerTooLarge
        if raw or name == "ping":
            self._listener.hear(wire.relayed(raw) if raw else wire.COMMENT)

    def _look_after(self) -> None:
        """Bounds a wait that may be in vain, and saves what has come, before the client hears of it."""
        if self.reply.winding_up and self._stream:
            self._stream.hurry(LAST_WORD)
        if self._save_is_due():
            self.save()

    def _save_is_due(self) -> bool:
        # A streaming client can stop the turn as soon as it knows its task, perhaps through another process.
        if self._listener and not self._named_in_ledger and self.reply.named and self.reply.task_id:
            self._named_in_ledger = True
            return True
        now = time.monotonic()
        if now < self._next_flush:
            return False
        self._flush_after = min(2 * self._flush_after, LONGEST_FLUSH)
        self._next_flush = now + self._flush_after
        return True

    def _fail(self, error: DifyError) -> bytes:
        """The end of a turn that went wrong, unless its user had stopped it anyway."""
        self.failure = error
        if not isinstance(error, DifyRefused):
            self._abandon()
        if self.reply.named and recorder.is_stopped(self._entry):
            self.failure = None
            return wire.message_end(self.reply)
        return wire.error(self.reply, error)

    def _abandon(self) -> None:
        """Hangs up, and tells Dify to stop working on an answer that nobody will read."""
        if self._stream:
            self._stream.close()
            self._stream = None
        if self.reply.task_id:
            try:
                self._dify.stop(self.reply.task_id, self._body["user"])
            except DifyError:
                logger.info("Dify could not be told to stop task %s", self.reply.task_id)

    def _settle(self) -> None:
        status = Message.Status.FAILED if self.failure else Message.Status.ANSWERED
        if self.reply.workflow_status == "stopped":
            status = Message.Status.STOPPED
        error_code = (self.failure.code or self.failure.word)[:64] if self.failure else ""
        latency_ms = int(1000 * (time.monotonic() - self._begun))
        recorder.finish_turn(self._entry, self.reply, status, error_code, latency_ms)

    def _announce(self, last_frame: bytes) -> None:
        self._over.set()
        self._decided.set()
        if self._listener:
            self._listener.hear(last_frame)
            self._listener.end()
        recorder.let_go_of_database()

    def _drain(self) -> None:
        """Reads what Dify still sends, so that it may finish its work, and the connection can serve again."""
        if not self._stream:
            return
        try:
            self._stream.hurry(DRAIN)
            for _ in self._stream.events():
                pass
        except DifyError:
            pass
        finally:
            self._stream.close()


def wait_for_running(seconds: float) -> None:
    """For a process that is asked to end: lets turns finish, and saves what the others have so far."""
    deadline = time.monotonic() + seconds
    for turn in list(running):
        if not turn.wait(max(0.0, deadline - time.monotonic())):
            turn.save()
