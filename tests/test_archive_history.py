"""`manage.py archive_history`: finished turns as objects, on a disk and on a real S3."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from django.conf import settings as django_settings
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from dify.reply import Reply
from dify.standin.server import StandIn
from history import recorder
from history.archive import disk, objects, outbox
from history.models import Conversation, Message
from tenants.caller import Caller
from tenants.models import System
from tests.conftest import caller_by_key, new_system
from tests.gateway import Gateway
from tests.processes import ROOT, environment, free_port
from tests.upstream import say, seed

DAY = datetime(2026, 3, 1, 23, 30, 15, 250_000, tzinfo=UTC)
BUCKET = "chat-archive"
ACCESS_KEY, SECRET_KEY = "AKIAONLYFORTESTS", "hunter2-of-the-archive"


class S3:
    """A real S3 API on a socket, which can go away and come back with what it had."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Any:
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.url, **keys)

    def start(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def names(self) -> list[str]:
        return sorted(row["Key"] for row in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", []))

    def read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.client.get_object(Bucket=BUCKET, Key=name)["Body"].read())
        return found


class Disk:
    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / name).read_bytes())
        return found


def on_s3(s3: S3) -> dict[str, Any]:
    options = {"bucket_name": BUCKET, "endpoint_url": s3.url, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    return {"BACKEND": "history.archive.bucket.Bucket", "OPTIONS": options | {"region_name": "us-east-1"}}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = S3()
    yield server
    request = Request(f"{server.url}/moto-api/reset", method="POST")
    urlopen(request, timeout=5).close()
    server.stop()


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Disk:
    use(settings, {"BACKEND": "history.archive.disk.PrivateFiles", "OPTIONS": {"location": tmp_path / "archive"}})
    return Disk(tmp_path / "archive")


def use(settings: Settings, archive: dict[str, Any]) -> None:
    settings.STORAGES = {**settings.STORAGES, "archive": archive}


@pytest.fixture(params=["disk", "s3"])
def archive(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Disk | S3:
    if request.param == "disk":
        kept: Disk = request.getfixturevalue("folder")
        return kept
    s3: S3 = request.getfixturevalue("s3")
    use(settings, on_s3(s3))
    return s3


def archive_history(*arguments: str) -> dict[str, Any]:
    """The report of a run that went well."""
    out = StringIO()
    call_command("archive_history", "--json", *arguments, stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def failing_run(*arguments: str) -> tuple[dict[str, Any], str]:
    out = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("archive_history", "--json", *arguments, stdout=out)
    assert failure.value.returncode == 1
    return json.loads(out.getvalue()), str(failure.value)


@pytest.fixture
def quiz(drillquiz: System) -> Conversation:
    return conversation(drillquiz)


def conversation(system: System, conversation_id: str = "c-1") -> Conversation:
    return Conversation.objects.create(
        system=system, user_id="alice", conversation_id=conversation_id, created_at=DAY, updated_at=DAY
    )


def turn(where: Conversation, message_id: str | None, **fields: Any) -> Message:
    told = {"query": "Why?", "answer": "Because.", "status": "answered", "created_at": DAY, **fields}
    return Message.objects.create(
        system=where.system, user_id=where.user_id, conversation=where, message_id=message_id, **told
    )


def turns(where: Conversation, count: int) -> list[str]:
    """Their names in the archive."""
    return sorted(objects.name_of(turn(where, f"m-{number:03}")) for number in range(count))


def name(message_id: str, system: str = "drillquiz") -> str:
    return f"{system}/2026-03-01/{message_id}.json"


# What is stored -------------------------------------------------------------------------------------------------


def test_a_turn_becomes_an_object_by_its_name(quiz: Conversation, archive: Disk | S3) -> None:
    turn(
        quiz,
        "m-1",
        query="무엇?",
        answer="답 \u2028 “so”",
        latency_ms=1200,
        tokens=42,
        price=Decimal("0.0000310"),
        currency="USD",
        citations=[{"document_name": "Book"}],
        feedback="like",
    )
    report = archive_history()

    assert archive.names() == [name("m-1")]
    assert archive.read(name("m-1")) == {
        "message_id": "m-1",
        "system": "drillquiz",
        "user": "alice",
        "conversation": "c-1",
        "created_at": "2026-03-01T23:30:15.250000Z",
        "status": "answered",
        "error_code": None,
        "question": "무엇?",
        "answer": "답 \u2028 “so”",
        "files": [],
        "citations": [{"document_name": "Book"}],
        "usage": {"tokens": 42, "price": "0.000031", "currency": "USD"},
        "latency_ms": 1200,
        "model": None,
        "feedback": "like",
    }
    assert (report["waiting"], report["stored"], report["failed"]) == (1, 1, 0)
    assert Message.objects.get().archived_at


def test_every_finished_turn_is_stored_and_no_running_one(quiz: Conversation, archive: Disk | S3) -> None:
    for status in ("answered", "stopped", "failed", "pending"):
        turn(quiz, f"m-{status}", status=status)
    archive_history()
    assert archive.names() == [name("m-answered"), name("m-failed"), name("m-stopped")]


def test_a_turn_of_the_api_is_stored_with_what_dify_told(alice: Gateway, archive: Disk | S3) -> None:
    told = alice.say("Hello").json()
    archive_history()
    [only] = archive.names()
    kept = archive.read(only)
    assert only.endswith(f"/{told['message_id']}.json")
    assert (kept["question"], kept["answer"], kept["conversation"]) == (
        "Hello",
        told["answer"],
        told["conversation_id"],
    )
    assert kept["usage"]["tokens"] == told["metadata"]["usage"]["total_tokens"]
    assert kept["latency_ms"] is not None


def test_the_model_that_a_workflow_names_is_stored(dify: StandIn, transactional_db: None, archive: Disk | S3) -> None:
    caller_by_key(new_system("flow", dify.url, "app-demo-chatflow"), "alice").say("Which model?")
    archive_history()
    [name] = archive.names()
    assert archive.read(name)["model"] == "stand-in"


def test_a_turn_without_dify_s_id_has_a_stable_name_of_its_own(quiz: Conversation, archive: Disk | S3) -> None:
    row = turn(quiz, None, status="failed", error_code="upstream_error", conversation_id=None)
    archive_history()
    Message.objects.update(archived_at=None)
    archive_history()
    assert archive.names() == [name(f"turn-{row.pk}")]
    assert archive.read(archive.names()[0])["message_id"] is None


@pytest.mark.parametrize(
    "message_id", ["../../etc/passwd", "a/b", "..", ".", "a b", "한국어" * 20, "a%2Fb", "turn-1", "sha256-1", "x" * 65]
)
def test_an_odd_id_stays_in_its_folder_and_is_taken_for_no_other(message_id: str) -> None:
    row = Message(pk=1, system_id="drillquiz", message_id=message_id, created_at=DAY)
    folder, day, last = objects.name_of(row).split("/")
    assert (folder, day) == ("drillquiz", "2026-03-01")
    assert last.startswith("sha256-")
    assert len(last) == len("sha256-.json") + 64


def test_odd_text_and_users_are_stored(quiz: Conversation, archive: Disk | S3) -> None:
    row = turn(quiz, "m-1", citations=[{"text": "half a pair \ud83d"}] if connection.vendor == "sqlite" else [])
    Message.objects.filter(pk=row.pk).update(user_id="a/../b’ “c” 한국어 \u202e", answer="\x01 \x7f </script>")
    archive_history()
    kept = archive.read(name("m-1"))
    assert (kept["user"], kept["answer"]) == ("a/../b’ “c” 한국어 \u202e", "\x01 \x7f </script>")


def test_the_day_does_not_move_with_the_time_zone_of_the_system(quiz: Conversation, archive: Disk | S3) -> None:
    turn(quiz, "m-1")
    archive_history()
    System.objects.update(time_zone="Asia/Seoul")
    Message.objects.update(archived_at=None)
    archive_history()
    assert archive.names() == [name("m-1")]


# Once, by its name ----------------------------------------------------------------------------------------------


def test_a_second_run_stores_nothing(quiz: Conversation, archive: Disk | S3) -> None:
    names = turns(quiz, 7)
    assert archive_history("--batch", "3")["stored"] == 7
    assert archive_history("--batch", "3")["waiting"] == 0
    assert archive.names() == names


def test_a_rating_is_stored_over_the_same_name(alice: Gateway, archive: Disk | S3) -> None:
    message_id = alice.say("Hello").json()["message_id"]
    archive_history()
    alice.post(f"/v1/messages/{message_id}/feedback", rating="like")
    assert archive_history()["stored"] == 1
    [only] = archive.names()
    assert archive.read(only)["feedback"] == "like"


def test_an_answer_that_a_sync_brings_is_stored_over_the_same_name(
    drillquiz: System, dify: StandIn, archive: Disk | S3
) -> None:
    recorder.note_seen(Caller(drillquiz, "alice"))
    [asked] = seed(dify, "drillquiz_alice", 1, said=0)
    late = say(dify, asked, "Slow", "", at=2)
    call_command("sync_dify", verbosity=0)
    archive_history()
    late.answer = "Done"
    call_command("sync_dify", "--full", verbosity=0)
    assert archive_history()["stored"] == 1
    [only] = archive.names()
    assert archive.read(only)["answer"] == "Done"
    call_command("sync_dify", "--full", verbosity=0)
    assert archive_history()["waiting"] == 0  # what a sync left as it was is not sent again


def test_a_turn_that_a_sync_names_leaves_nothing_under_its_old_name(
    drillquiz: System, dify: StandIn, archive: Disk | S3
) -> None:
    caller = Caller(drillquiz, "alice")
    lost = recorder.open_turn(caller, "Lost?", None, [])
    Message.objects.filter(pk=lost.pk).update(status="failed", error_code="upstream_timeout")
    archive_history()
    assert archive.names() == [objects.name_of(lost)]

    [asked] = seed(dify, "drillquiz_alice", 1, said=0)
    found = say(dify, asked, "Lost?", "Found.", at=0)
    found.created_at = int(time.time())
    call_command("sync_dify", verbosity=0)
    archive_history()

    [only] = archive.names()
    assert only.endswith(f"/{found.id}.json")


def test_a_stopped_turn_is_stored_again_when_its_last_words_came(
    quiz: Conversation, archive: Disk | S3, alice: Gateway
) -> None:
    row = turn(quiz, "m-1", status="stopped", answer="Half")
    archive_history()
    reply = Reply(10_000)
    reply.conversation_id, reply.message_id = "c-1", "m-1"
    reply.take({"event": "message", "answer": "Half of it"})
    recorder.finish_turn(row, reply, "answered", "", 5)
    archive_history()
    assert archive.read(name("m-1"))["answer"] == "Half of it"


@pytest.mark.parametrize("what", ["changed", "deleted"])
def test_what_changes_on_the_way_is_not_marked(
    quiz: Conversation, archive: Disk | S3, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    row = turn(quiz, "m-1")
    original = objects.store

    def meanwhile(name: str, content: bytes) -> None:
        original(name, content)
        rows = Message.objects.filter(pk=row.pk)
        if what == "changed":  # and another run was faster
            rows.update(feedback="like", archived_at=timezone.now())
        else:
            rows.delete()
        connection.close()

    monkeypatch.setattr(objects, "store", meanwhile)
    assert archive_history()["changed"] == 1
    monkeypatch.undo()

    if what == "changed":
        assert archive_history()["stored"] == 1
        assert archive.read(name("m-1"))["feedback"] == "like"
    else:
        assert archive.names() == []


def test_runs_at_the_same_time_do_no_harm(quiz: Conversation, archive: Disk | S3) -> None:
    names = turns(quiz, 60)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            archive_history("--batch", "7")
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    runs = [threading.Thread(target=run) for _ in range(3)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert failures == []
    assert archive.names() == names
    assert not outbox.waiting().exists()


# Outages --------------------------------------------------------------------------------------------------------


def test_a_bucket_that_goes_away_in_the_middle_gets_the_rest_later(
    quiz: Conversation, s3: S3, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings, on_s3(s3))
    names = turns(quiz, 40)
    original, sent = objects.store, []

    def store(name: str, content: bytes) -> None:
        sent.append(name)
        if len(sent) == 15:
            s3.stop()
        original(name, content)

    monkeypatch.setattr(objects, "store", store)
    report, said = failing_run("--batch", "10", "--workers", "2")
    monkeypatch.undo()
    s3.start()

    assert report["down"]
    assert "The archive takes nothing any more" in said
    assert len(sent) < 40  # it did not try them all in vain
    assert 10 <= Message.objects.exclude(archived_at=None).count() == report["stored"] < 16

    archive_history()
    assert s3.names() == names
    assert not outbox.waiting().exists()


def test_a_kill_between_store_and_mark_is_made_good(
    quiz: Conversation, archive: Disk | S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = turns(quiz, 5)

    def killed(sent: list[outbox.Parcel]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outbox, "marked", killed)
    with pytest.raises(CommandError) as failure:
        call_command("archive_history")
    assert failure.value.returncode == 130
    monkeypatch.undo()
    assert outbox.waiting().count() == 5

    assert archive_history()["stored"] == 5
    assert archive.names() == names


KILLED_WHILE_WRITING = """
import os, signal, sys, pathlib
sys.path.insert(0, sys.argv[2])
from history.archive import disk
from django.conf import settings
settings.configure()
from django.core.files.base import ContentFile

class Dies(ContentFile):
    def chunks(self, size=None):
        yield b"half of it"
        for path in pathlib.Path(sys.argv[1]).rglob("tmp*"):
            assert path.stat().st_mode & 0o777 == 0o600
        os.kill(os.getpid(), signal.SIGKILL)

disk.PrivateFiles(location=sys.argv[1]).save("drillquiz/2026-03-01/m-1.json", Dies(b""))
"""


def test_a_kill_while_a_file_is_written_leaves_the_old_one_whole(quiz: Conversation, folder: Disk) -> None:
    turn(quiz, "m-1")
    archive_history()
    before = folder.read(name("m-1"))
    died = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(folder.root), str(ROOT)], check=False)
    assert died.returncode == -9
    assert folder.read(name("m-1")) == before

    [left] = (folder.root / disk.UNFINISHED).iterdir()
    os.utime(left, (0, time.time() - 2 * disk.LEFT_BEHIND_AFTER))
    archive_history()  # which takes what was left behind away
    assert folder.names() == [name("m-1")]


def test_one_object_that_fails_is_named_and_stops_no_other(quiz: Conversation, cointutor: System, folder: Disk) -> None:
    blocked = [turn(conversation(cointutor, f"c-{number}"), f"b-{number}") for number in range(12)]
    names = turns(quiz, 3)
    folder.root.mkdir()
    (folder.root / "cointutor").write_text("where a folder should be")

    report, said = failing_run("--workers", "1")

    assert (report["stored"], report["failed"], report["down"]) == (3, 12, False)
    assert f"{name('b-0', 'cointutor')}: " in said
    assert set(names) <= set(folder.names())
    assert outbox.waiting().count() == len(blocked)


def test_a_turn_that_cannot_be_written_down_is_named(
    quiz: Conversation, folder: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns(quiz, 3)
    Message.objects.filter(message_id="m-001").update(citations={"not": "a list", "deep": [1]})
    original = objects.contents

    def contents(message: Message) -> dict[str, Any]:
        return original(message) | ({"bad": object()} if message.message_id == "m-001" else {})

    monkeypatch.setattr(objects, "contents", contents)
    report, said = failing_run()
    assert (report["stored"], report["failed"]) == (2, 1)
    assert f"{name('m-001')}: TypeError" in said


@pytest.mark.parametrize("where", ["no bucket", "wrong port"])
def test_an_archive_that_is_not_there_is_an_error_and_loses_nothing(
    quiz: Conversation, s3: S3, settings: Settings, where: str, log: StringIO
) -> None:
    names = turns(quiz, 8)
    wrong = on_s3(s3)
    wrong["OPTIONS"] |= {"bucket_name": "other"} if where == "no bucket" else {"endpoint_url": "http://127.0.0.1:9"}
    use(settings, wrong)
    report, said = failing_run()
    assert report["down"]
    assert ("NoSuchBucket" if where == "no bucket" else "EndpointConnectionError") in said
    for secret in (SECRET_KEY, ACCESS_KEY, "Because."):
        assert secret not in said + log.getvalue()

    use(settings, on_s3(s3))
    archive_history()
    assert s3.names() == names


def test_no_more_than_a_few_failures_are_named(quiz: Conversation, folder: Disk) -> None:
    turns(quiz, 40)
    folder.root.mkdir()
    (folder.root / "drillquiz").write_text("where a folder should be")
    _, said = failing_run()
    assert said.count(": FileExistsError") + said.count(": NotADirectoryError") == outbox.MOST_NAMED
    assert "and 20 more" in said


# The machine ----------------------------------------------------------------------------------------------------


def test_files_and_folders_are_the_gateways_own(quiz: Conversation, folder: Disk) -> None:
    turn(quiz, "m-1")
    old_mask = os.umask(0)
    try:
        archive_history()
    finally:
        os.umask(old_mask)
    paths = [folder.root, *folder.root.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}


def test_no_database_connection_is_held_while_objects_are_sent(
    quiz: Conversation, folder: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns(quiz, 5)
    ours, original, held = connections["default"], objects.store, []

    def store(name: str, content: bytes) -> None:
        held.append(ours.connection is not None)
        original(name, content)

    monkeypatch.setattr(objects, "store", store)
    archive_history("--workers", "1")
    assert held == [False] * 5


def test_what_people_said_and_keys_are_not_logged(
    quiz: Conversation, s3: S3, settings: Settings, log: StringIO
) -> None:
    use(settings, on_s3(s3))
    turn(quiz, "m-1", query="a very private question")
    archive_history()
    for private in ("very private", "alice", SECRET_KEY, ACCESS_KEY):
        assert private not in log.getvalue()


# The command ----------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_and_stores_nothing(quiz: Conversation, folder: Disk) -> None:
    turns(quiz, 3)
    out = StringIO()
    call_command("archive_history", "--dry-run", stdout=out)
    assert out.getvalue() == "Dry run: 3 turns are to be stored.\n"
    assert not folder.root.exists()
    assert outbox.waiting().count() == 3


def test_one_system_and_a_limit(quiz: Conversation, cointutor: System, folder: Disk) -> None:
    turn(conversation(cointutor), "m-1")
    names = turns(quiz, 5)
    assert archive_history("--system", "drillquiz", "--limit", "3", "--batch", "2")["stored"] == 3
    assert folder.names() == names[:3]


def test_a_system_that_nobody_has_is_an_error(quiz: Conversation, folder: Disk) -> None:
    with pytest.raises(CommandError, match="There is no system called nobody") as failure:
        call_command("archive_history", "--system", "nobody")
    assert failure.value.returncode == 2


@pytest.mark.parametrize("option", ["--limit", "--batch", "--workers"])
@pytest.mark.parametrize("value", ["0", "-1", "abc", "1e3", str(10**10)])
def test_a_number_that_is_none_is_an_error(option: str, value: str) -> None:
    with pytest.raises(CommandError):
        call_command("archive_history", f"{option}={value}")


def test_it_says_what_it_did(quiz: Conversation, folder: Disk) -> None:
    turns(quiz, 2)
    out = StringIO()
    call_command("archive_history", stdout=out)
    assert out.getvalue().startswith("2 turns stored, 0.0 MB in ")


def test_what_is_removed_is_gone_under_every_name(quiz: Conversation, archive: Disk | S3) -> None:
    rows = [turn(quiz, f"m-{number}") for number in range(3)]
    archive_history()
    was_unnamed = Message(pk=rows[0].pk, system_id="drillquiz", created_at=DAY)
    objects.store(objects.name_of(was_unnamed), b"{}")
    for _ in range(2):  # what is gone already is well
        objects.removed(each for row in rows[:2] for each in objects.names_of(row))
    assert archive.names() == [name("m-2")]


# Settings -------------------------------------------------------------------------------------------------------


def shown(**given: str) -> Any:
    """The archive of a process with these variables."""
    code = "from django.conf import settings; import json; print(json.dumps(settings.STORAGES['archive'], default=str))"
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", code]
    ran = subprocess.run(command, env=environment(**given), cwd=ROOT, capture_output=True, text=True, check=False)
    return json.loads(ran.stdout)


def test_the_environment_chooses_the_archive(tmp_path: Path) -> None:
    secrets = {"SECRET_KEY": "x" * 50, "ENCRYPTION_KEYS": django_settings.ENCRYPTION_KEYS[0]}
    assert shown(**secrets)["OPTIONS"] == {"location": str(ROOT / "archive")}
    assert shown(**secrets, ARCHIVE_DIR=str(tmp_path))["OPTIONS"] == {"location": str(tmp_path)}
    bucket = shown(
        **secrets,
        ARCHIVE_S3_BUCKET=BUCKET,
        ARCHIVE_S3_ENDPOINT="http://minio:9000",
        ARCHIVE_S3_ACCESS_KEY="a",
        ARCHIVE_S3_SECRET_KEY="b",
    )
    assert bucket["BACKEND"] == "history.archive.bucket.Bucket"
    assert bucket["OPTIONS"]["endpoint_url"] == "http://minio:9000"


def test_the_storage_of_the_settings_is_what_is_used(folder: Disk) -> None:
    assert objects.storage() is storages["archive"]
    assert isinstance(objects.storage(), disk.PrivateFiles)


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL reads a few rows without an index")
def test_the_index_of_the_outbox_is_used(quiz: Conversation) -> None:
    turns(quiz, 3)
    assert "messages_to_archive" in outbox.waiting()[:100].explain()
