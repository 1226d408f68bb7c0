"""One turn: a question whose answer is on its way. Its ids, its pace, its pings, and whether somebody stopped it."""

import uuid
from collections.abc import Iterator
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event

from dify.standin import answers, details, provider, trouble
from dify.standin.profiles import App
from dify.standin.store import Message
from dify.standin.world import World

PING = b"event: ping\n\n"


class Turn:
    def __init__(self, world: World, app: App, message: Message, *, wants_title: bool) -> None:
        self.world = world
        self.app = app
        self.message = message
        self.user = message.conversation.user
        self.task_id = str(uuid.uuid4())
        self.trouble = trouble.in_query(message.query)
        self.said: list[str] = []
        self.stopped = Event()
        self.replaced = False  # by moderation: what was said is withdrawn, no more comes
        self.started = monotonic()
        self.next_ping = self.started + world.tempo.seconds(world.tempo.ping)
        self.is_first = len(message.conversation.messages) == 1
        self.wants_title = wants_title
        self.named = not self.is_first
        self.ids = {
            "conversation_id": message.conversation.id,
            "message_id": message.id,
            "created_at": message.created_at,
        }

    # What it says ---------------------------------------------------------------------------------------------

    def answer_tokens(self) -> list[str]:
        number = len(self.message.conversation.messages) - 1
        return answers.tokens(answers.answer(self.message.query, self.trouble, number))

    def event(self, name: str, **fields: Any) -> bytes:
        return self.world.version.event({"event": name, **self.ids, "task_id": self.task_id, **fields})

    def text(self, name: str, text: str, **fields: Any) -> bytes:
        """A piece of the answer; what was said is what a stop leaves behind."""
        self.said.append(text)
        return self.event(name, id=self.message.id, answer=text, **fields)

    def usage(self, *, timed: bool = False) -> dict[str, Any]:
        taken = monotonic() - self.started
        return self.world.version.usage(self.message.query, "".join(self.said), taken, timed=timed)

    # How fast -------------------------------------------------------------------------------------------------

    def before_first_token(self) -> Iterator[bytes]:
        slow = "slow" in self.trouble
        yield from self.rest(self.trouble.number("slow") if slow else self.world.tempo.delay)
        if status := self.trouble.provider_status:
            raise provider.refused(status)

    def pace(self) -> float:
        return self.trouble.number("paced") / 1000 if "paced" in self.trouble else self.world.tempo.pace

    def rest(self, seconds: float) -> Iterator[bytes]:
        """Wait, with pings in between, until the time is over or the turn is stopped."""
        end = monotonic() + self.world.tempo.seconds(seconds)
        while True:
            now = monotonic()
            if now >= self.next_ping:
                self.next_ping = now + self.world.tempo.seconds(self.world.tempo.ping)
                yield PING
            if self.stopped.is_set():
                return
            if now >= end:
                break
            self.stopped.wait(min(end, self.next_ping) - now)
        if not seconds:
            gevent.sleep(0)  # the other streams and a stop need their turn, too

    def silence(self, seconds: float) -> None:
        self.stopped.wait(self.world.tempo.seconds(seconds))

    # How it ends ----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        self.stopped.set()

    def finish(self) -> None:
        """Keep what was said. A turn that never gets here leaves an empty answer behind, as with Dify."""
        self.message.answer = "".join(self.said)
        if "sources" in self.trouble:
            self.message.sources = details.citations(self.message)
        self.message.conversation.updated_at = self.world.store.now()
        self.name_conversation()

    def fail(self, error: str) -> None:
        self.message.status = "error"
        self.message.error = error
        self.name_conversation()

    def name_conversation(self) -> None:
        """Once, after the first answer, and later than that: a rename that came in between is overwritten."""
        if self.named:
            return
        self.named = True
        wait = self.world.tempo.seconds(self.world.tempo.title)
        if wait and self.wants_title:
            gevent.spawn_later(wait, self.give_name)
        else:
            self.give_name()

    def give_name(self) -> None:
        version, conversation = self.world.version, self.message.conversation
        query = self.message.query
        name = answers.title(query) if self.wants_title else version.name_without_generation(query)
        self.world.store.rename(conversation, name)
