"""The messages of the old gateway, as turns. What is here already is only completed, never replaced."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from history.models import Message
from history.moving.conversations import ANOTHERS, TOO_OLD, here
from history.moving.halves import Half, OldTurn, Skipped, half_of, joined, words
from history.moving.owners import Nobody, Owners
from history.moving.report import Report
from history.moving.source import Row
from history.sync.joining import INTERRUPTED
from tenants.caller import Caller

KIND = "turns"
FILLED = ["query", "answer", "status", "error_code", "archived_at"]
Status = Message.Status


@dataclass(slots=True)
class Move:
    """One turn on its way: where from, and whose."""

    turn: OldTurn
    caller: Caller
    conversation_key: int | None = None  # None only in a dry run


def batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Of so many rows or a few more, so that the halves of a turn, which lie side by side, stay together."""
    batch: list[Row] = []
    for row in rows:
        if len(batch) >= size and turn_id(row) != turn_id(batch[-1]):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def turn_id(row: Row) -> str:
    return words(row["message_id"]).rpartition("_")[0]


@dataclass
class Turns:
    owners: Owners
    report: Report
    dry_run: bool

    def take(self, rows: list[Row]) -> None:
        turns = list(joined(self._halves(rows), self._note_duplicate))
        self.report.count(KIND, seen=len(turns))
        with transaction.atomic():
            self._write(self._at_home(self._owned(turns)))

    def _halves(self, rows: list[Row]) -> list[Half]:
        found = []
        for row in rows:
            try:
                found.append(half_of(row))
            except Skipped as skipped:
                self.report.skip(KIND, str(skipped), words(row["message_id"]), what="messages")
        return found

    def _note_duplicate(self, half: Half) -> None:
        self.report.skip(KIND, "it is there twice", f"{half.turn_id}_{half.role}", what="messages")

    def _owned(self, turns: list[OldTurn]) -> Iterator[Move]:
        owners = self.owners.of(list({turn.conversation_id for turn in turns}))
        for turn in turns:
            try:
                caller = self.owners.caller(owners[turn.conversation_id])
            except KeyError:
                self._skip("its conversation is not there", turn)
            except Nobody as nobody:
                self._skip(str(nobody), turn)
            else:
                yield Move(turn, caller)

    def _at_home(self, moves: Iterator[Move]) -> Iterator[Move]:
        """Those whose conversation is here, and theirs."""
        all_of_them = list(moves)
        homes = {
            (system_id, conversation_id): (key, user_id)
            for key, system_id, conversation_id, user_id in here(
                (move.caller.system.pk, move.turn.conversation_id) for move in all_of_them
            ).values_list("pk", "system_id", "conversation_id", "user_id")
        }
        for move in all_of_them:
            move.conversation_key, user_id = homes.get(
                (move.caller.system.pk, move.turn.conversation_id), (None, move.caller.user_id)
            )
            if why := self._obstacle(move, user_id):
                self._skip(why, move.turn)
            else:
                yield move

    def _obstacle(self, move: Move, user_id: str) -> str:
        if user_id != move.caller.user_id:
            return ANOTHERS
        if move.turn.created_at is None:
            return "it has no time that can be read"
        if move.turn.created_at < self.owners.taken_in_since(move.caller):
            return TOO_OLD
        return "" if move.conversation_key or self.dry_run else "its conversation was not taken"

    def _skip(self, why: str, turn: OldTurn) -> None:
        self.report.skip(KIND, why, turn.turn_id)

    def _write(self, moves: Iterator[Move]) -> None:
        wanted: dict[tuple[str, str], Move] = {}
        for move in moves:
            if wanted.setdefault((move.caller.system.pk, move.turn.turn_id), move) is not move:
                self._skip("two conversations have it", move.turn)
        known = self._known(wanted)
        new = [made(move) for key, move in wanted.items() if key not in known]
        completed = [row for key, row in known.items() if self._completes(row, wanted[key])]
        self.report.count(KIND, new=len(new), completed=len(completed))
        for row in new:
            self._note_missing_half(row)
        if not self.dry_run:
            Message.objects.bulk_create(new, ignore_conflicts=True)
            Message.objects.bulk_update(completed, FILLED)

    def _known(self, wanted: dict[tuple[str, str], Move]) -> dict[tuple[str, str], Message]:
        rows = Message.objects.select_for_update().filter(
            system_id__in={system_id for system_id, _ in wanted}, message_id__in={turn_id for _, turn_id in wanted}
        )
        found = {(row.system_id, row.message_id or ""): row for row in rows.defer("citations", "files")}
        return {key: row for key, row in found.items() if key in wanted}

    def _completes(self, row: Message, move: Move) -> bool:
        """Fills in what is empty. True if there was something to fill in."""
        if row.conversation_id != move.conversation_key:
            self._skip("its id belongs to another conversation here", move.turn)
            return False
        query = not row.query and bool(move.turn.query)
        answer = not row.answer and bool(move.turn.answer) and row.status != Status.PENDING
        if query:
            row.query = move.turn.query
        if answer:
            row.answer, row.status, row.error_code = move.turn.answer, Status.ANSWERED, ""
        row.archived_at = None
        return query or answer

    def _note_missing_half(self, row: Message) -> None:
        for half, words_of_it in (("question", row.query), ("answer", row.answer)):
            if not words_of_it:
                self.report.note(KIND, f"without the {half}, which the old gateway does not have", row.message_id or "")


def made(move: Move) -> Message:
    assert move.turn.created_at  # noqa: S101, _obstacle has seen to it
    answered = bool(move.turn.answer)
    return Message(
        system_id=move.caller.system.pk,
        user_id=move.caller.user_id,
        conversation_id=move.conversation_key,
        message_id=move.turn.turn_id,
        query=move.turn.query,
        answer=move.turn.answer,
        status=Status.ANSWERED if answered else Status.FAILED,
        error_code="" if answered else INTERRUPTED,
        created_at=move.turn.created_at,
    )
