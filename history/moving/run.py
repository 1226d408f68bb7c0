"""The old gateway's database, table by table, in batches: each is written down when it is read."""

from collections.abc import Callable, Iterator

from django.db import transaction

from history.moving import people
from history.moving.conversations import Conversations, note_last_words
from history.moving.owners import Owners
from history.moving.report import Report
from history.moving.source import TABLES, Row, Source, Unreadable, selected
from history.moving.turns import Turns, batches
from tenants.legacy_systems import Systems

BATCH = 2000  # rows


class Moving:
    """`run` it once. `on_rows` hears of every batch of messages that is done."""

    def __init__(self, source: Source, *, batch: int = BATCH, dry_run: bool = False) -> None:
        self.report = Report()
        self.on_rows: Callable[[int], None] = lambda rows: None
        self._source = source
        self._batch = batch
        self._dry_run = dry_run
        self._columns = self._tables()
        self._systems = Systems()

    def _tables(self) -> dict[str, set[str]]:
        """Those that can be read, with their columns. Raises Unreadable if there is none."""
        found = {table: self._source.columns(table) for table in TABLES}
        if not any(found.values()):
            raise Unreadable(f"This is not the old gateway's database: it has no table {', '.join(TABLES)}.")
        for table, columns in found.items():
            if missing := [name for name in TABLES[table][0] if name not in columns]:
                lacks = f"has no column {', '.join(missing)}" if columns else "is missing"
                self.report.notes.append(f"The table {table} {lacks}, so nothing of it is taken.")
                found[table] = set()
        return {table: columns for table, columns in found.items() if columns}

    def messages(self) -> int:
        """How many rows there are to read, for whoever wants to wait for them."""
        if "message_cache" not in self._columns:
            return 0
        return int(next(self._source.stream("SELECT count(*) AS many FROM message_cache"))["many"])

    def run(self) -> Report:
        self._take_systems()
        owners = Owners(self._source, self._columns, self._systems)
        self._take_users(owners)
        self._take_conversations(owners)
        self._take_messages(owners)
        if not self._dry_run:
            note_last_words({system.pk for system in self._systems.here.values()})
        self.report.notes += self._systems.notes
        return self.report

    def _rows(self, table: str, order: str) -> Iterator[Row]:
        """None if the table is missing."""
        if table in self._columns:
            yield from self._source.stream(
                f"SELECT {selected(table, self._columns[table])} FROM {table} ORDER BY {table}.{order}"  # noqa: S608
            )

    def _take_systems(self) -> None:
        rows = [row for row in self._rows("chat_systems", "system_id") if row["system_id"]]
        self._systems.take(rows)
        self._systems.look_up(self._named_systems())
        self.report.count("systems", seen=len(rows), new=len(self._systems.new))
        for old_id in self._systems.refused:
            self.report.skip("systems", "it cannot be called so here", old_id)
        if not self._dry_run:
            with transaction.atomic():
                for system in self._systems.new:
                    system.save(force_insert=True)

    def _named_systems(self) -> list[str]:
        tables = [table for table, columns in self._columns.items() if "user_id" in columns]
        named = " UNION ".join(f"SELECT CAST(system_id AS TEXT) AS system_id FROM {table}" for table in tables)  # noqa: S608
        return [row["system_id"] for row in self._source.stream(named) if row["system_id"]] if named else []

    def _take_users(self, owners: Owners) -> None:
        if any("user_id" in columns for columns in self._columns.values()):
            for rows in chunks(self._source.stream(people.query(self._columns)), self._batch):
                people.take(rows, owners, self.report, self._dry_run)

    def _take_conversations(self, owners: Owners) -> None:
        taking = Conversations(self._source, owners, self.report, self._dry_run, "message_cache" in self._columns)
        for rows in chunks(self._rows("conversation_cache", "conversation_id"), self._batch):
            taking.take(rows)
        for rows in chunks(self._rows("conversation_mappings", "conversation_id"), self._batch):
            taking.take_mappings(rows, in_cache="conversation_cache" in self._columns)

    def _take_messages(self, owners: Owners) -> None:
        taking = Turns(owners, self.report, self._dry_run)
        for rows in batches(self._rows("message_cache", "message_id"), self._batch):
            taking.take(rows)
            self.on_rows(len(rows))


def chunks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
