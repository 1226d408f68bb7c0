"""What the gateway itself keeps of a person goes. It never waits for Dify, and what was said goes in any case."""

import logging
from collections import Counter
from collections.abc import Iterator

from django.db import transaction

from history import removal, signals
from history.counts import number_of
from history.person import Person

logger = logging.getLogger(__name__)

WITHOUT_WORDS = {"query": "", "answer": "", "citations": [], "files": [], "feedback": ""}


class Removal:
    """`run` it once. `removed` counts rows by what they are called; `problems` are sentences."""

    def __init__(self, person: Person) -> None:
        self.removed: Counter[str] = Counter()
        self.problems: list[str] = []
        self._person = person

    def run(self) -> Iterator[None]:
        """Yields after every batch. Turns go first: one that ends meanwhile may still make a conversation."""
        try:
            for turns, archive_objects in removal.turns_removed(self._person.turns):
                self.removed.update(turns=turns, archive_objects=archive_objects)
                yield
        except Exception as error:
            logger.exception("An erasure could not empty the archive")
            self._keep_without_words(error)
        self._remove_the_rest()
        self._tell_the_others()
        yield

    def would_remove(self) -> Counter[str]:
        person = self._person
        counted = Counter(
            turns=person.turns.count(),
            archive_objects=person.turns.exclude(archived_at=None).count(),
            conversations=person.conversations.count(),
            uploads=person.uploads.count(),
            chat_users=person.chat_users.count(),
        )
        return counted + elsewhere(person)

    def _keep_without_words(self, error: Exception) -> None:
        """The rows are needed to find their objects again."""
        left = self._person.turns.update(**WITHOUT_WORDS)
        self.problems.append(
            f"The archive could not be emptied ({type(error).__name__}): {number_of('turns', left)} kept, without what "
            "was said, to find the objects again."
        )

    def _remove_the_rest(self) -> None:
        person = self._person
        with transaction.atomic():
            uploads, chat_users = person.uploads.delete()[0], person.chat_users.delete()[0]
            person.conversations.update(name="")
        conversations = 0
        while batch := list(person.conversations.filter(messages=None).only("pk")[: removal.BATCH]):
            conversations += (gone := removal.remove_if_empty(batch))
            if not gone:  # spoken in again at this very moment
                break
        self.removed.update(uploads=uploads, chat_users=chat_users, conversations=conversations)

    def _tell_the_others(self) -> None:
        for receiver, answer in signals.user_erased.send_robust(
            Person, system_id=self._person.system.pk, user_id=self._person.user_id, dry_run=False
        ):
            if isinstance(answer, Exception):
                self.problems.append(f"{receiver.__module__} failed ({type(answer).__name__}).")
            else:
                self.removed.update(answer)


def elsewhere(person: Person) -> Counter[str]:
    """What rooms above this one would remove."""
    counted: Counter[str] = Counter()
    who = {"system_id": person.system.pk, "user_id": person.user_id}
    for _, answer in signals.user_erased.send(Person, **who, dry_run=True):
        counted.update(answer)
    return counted
