"""`manage.py prune_history`: what is older than a system's retention goes everywhere, and does not come back."""

import json
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dify.standin.server import StandIn
from history import removal
from history.archive import objects
from history.models import ChatUser, Conversation, Message, Upload
from tenants.models import System
from tests.gateway import Gateway
from tests.upstream import seed

OLD = timedelta(days=40)
YOUNG = timedelta(days=20)


@pytest.fixture(autouse=True)
def archive(tmp_path: Path, settings: Any) -> Path:
    backend = {"BACKEND": "history.archive.disk.PrivateFiles", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"archive": backend}
    return tmp_path


@pytest.fixture
def quiz(drillquiz: System) -> System:
    """DrillQuiz, which keeps what was said for 30 days."""
    System.objects.filter(pk=drillquiz.pk).update(retention_days=30)
    drillquiz.refresh_from_db()
    return drillquiz


def talk(system: System, *ages: timedelta, user_id: str = "alice", status: str = "answered") -> Conversation:
    """A conversation with a turn of each age."""
    now = timezone.now()
    number = Conversation.objects.count()
    conversation = Conversation.objects.create(
        system=system,
        user_id=user_id,
        conversation_id=f"00000000-0000-4000-8000-{number:012}",
        created_at=now - max(ages),
        updated_at=now - min(ages),
    )
    for age in ages:
        say(conversation, now - age, status)
    return conversation


def say(conversation: Conversation, at: datetime, status: str = "answered") -> Message:
    who = {"system_id": conversation.system_id, "user_id": conversation.user_id}
    message_id = f"00000000-0000-4000-9000-{Message.objects.count():012}"
    words = {"query": "Why?", "answer": "So."}
    return Message.objects.create(
        **who, **words, conversation=conversation, message_id=message_id, status=status, created_at=at
    )


def prune(*arguments: str) -> dict[str, dict[str, int]]:
    """What went, by system."""
    out = StringIO()
    call_command("prune_history", "--json", *arguments, stdout=out)
    report = json.loads(out.getvalue())
    assert report["errors"] == []
    return {row.pop("system_id"): row for row in report["systems"]}


def ages() -> list[int]:
    return sorted((timezone.now() - said).days for said in Message.objects.values_list("created_at", flat=True))


# What goes, and what stays ------------------------------------------------------------------------------------------


def test_turns_older_than_the_retention_go_and_younger_ones_stay(quiz: System) -> None:
    talk(quiz, OLD, YOUNG)
    talk(quiz, OLD)

    assert prune()["drillquiz"] == {"turns": 2, "archive_objects": 0, "conversations": 1, "uploads": 0, "chat_users": 0}
    assert ages() == [20]
    assert Conversation.objects.count() == 1


def test_a_system_without_retention_is_left_alone(quiz: System, cointutor: System) -> None:
    talk(cointutor, timedelta(days=4000), user_id="charlie")
    assert prune() == {"drillquiz": dict.fromkeys(prune()["drillquiz"], 0)}
    assert Message.objects.count() == 1


def test_only_the_named_system_is_pruned(quiz: System, cointutor: System) -> None:
    System.objects.update(retention_days=30)
    talk(quiz, OLD)
    talk(cointutor, OLD, user_id="charlie")

    assert list(prune("--system", "cointutor")) == ["cointutor"]
    assert [row.system_id for row in Message.objects.all()] == ["drillquiz"]


def test_a_disabled_system_is_pruned_too(quiz: System) -> None:
    talk(quiz, OLD)
    System.objects.update(enabled=False)
    assert prune()["drillquiz"]["turns"] == 1


def test_days_are_whole_days_of_the_systems_time_zone(quiz: System) -> None:
    System.objects.update(time_zone="Pacific/Kiritimati", retention_days=3)  # fourteen hours ahead
    quiz.refresh_from_db()
    today = datetime.now(quiz.tz).replace(hour=0, minute=0, second=0, microsecond=0)
    first_kept = today - timedelta(days=3)
    conversation = talk(quiz, timedelta(0))
    for at in (first_kept, first_kept - timedelta(microseconds=1), first_kept - timedelta(hours=10)):
        say(conversation, at.astimezone(UTC))

    assert prune()["drillquiz"]["turns"] == 2
    assert Message.objects.filter(created_at=first_kept).exists()


def test_no_days_at_all_keep_today_only(quiz: System) -> None:
    System.objects.update(retention_days=0)
    quiz.refresh_from_db()
    midnight = datetime.now(quiz.tz).replace(hour=0, minute=0, second=0, microsecond=0)
    conversation = talk(quiz, timedelta(0))
    say(conversation, midnight)
    say(conversation, midnight - timedelta(seconds=1))
    assert prune()["drillquiz"]["turns"] == 1


def test_more_days_than_the_calendar_has_keep_everything(quiz: System) -> None:
    System.objects.update(retention_days=2**31 - 1)
    talk(quiz, OLD)
    assert prune()["drillquiz"]["turns"] == 0


def test_a_turn_that_may_still_run_stays(quiz: System, monkeypatch: pytest.MonkeyPatch) -> None:
    talk(quiz, OLD, status="pending")  # left by a crash
    System.objects.update(retention_days=0)
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(timezone, "now", lambda: midnight + timedelta(minutes=2))
    running = talk(quiz, timedelta(minutes=3), status="pending")

    assert prune()["drillquiz"]["turns"] == 1
    assert [row.conversation_id for row in Message.objects.all()] == [running.pk]


def test_uploads_and_people_who_are_long_gone_go_too(quiz: System) -> None:
    now = timezone.now()
    for user_id, age in (("alice", OLD), ("bob", YOUNG), ("dora", OLD)):
        ChatUser.objects.create(system=quiz, user_id=user_id, first_seen_at=now - OLD, last_seen_at=now - age)
        Upload.objects.create(system=quiz, user_id=user_id, file_id=f"file of {user_id}")
        Upload.objects.filter(user_id=user_id).update(created_at=now - age)
    talk(quiz, YOUNG, user_id="dora")  # who is named by what was said since
    talk(quiz, OLD, user_id="alice")

    removed = prune()["drillquiz"]

    assert (removed["uploads"], removed["chat_users"]) == (2, 1)
    assert set(ChatUser.objects.values_list("user_id", flat=True)) == {"bob", "dora"}
    assert [row.file_id for row in Upload.objects.all()] == ["file of bob"]


def test_an_empty_conversation_stays_while_it_is_young(quiz: System) -> None:
    conversation = talk(quiz, OLD)
    Conversation.objects.update(updated_at=timezone.now() - YOUNG)  # such as renamed

    assert prune()["drillquiz"] == {"turns": 1, "archive_objects": 0, "conversations": 0, "uploads": 0, "chat_users": 0}
    conversation.refresh_from_db()


def test_deleted_conversations_are_pruned_by_age_as_well(quiz: System) -> None:
    Conversation.objects.filter(pk=talk(quiz, OLD).pk).update(deleted_at=timezone.now())
    assert prune()["drillquiz"]["conversations"] == 1


def test_a_turn_that_never_got_a_conversation_goes_as_well(quiz: System) -> None:
    talk(quiz, OLD)
    Message.objects.update(conversation=None, message_id=None, status="failed")
    assert prune()["drillquiz"]["turns"] == 1


# The archive --------------------------------------------------------------------------------------------------------


def archived(message: Message) -> Path:
    objects.store(objects.name_of(message), objects.object_of(message))
    Message.objects.filter(pk=message.pk).update(archived_at=timezone.now())
    path = Path(objects.storage().path(objects.name_of(message)))
    assert path.exists()
    return path


def test_the_archives_objects_go_with_their_turns(quiz: System) -> None:
    talk(quiz, OLD, YOUNG)
    young, old = (archived(row) for row in Message.objects.order_by("-created_at"))

    assert prune()["drillquiz"]["archive_objects"] == 1
    assert young.exists()
    assert not old.exists()


def test_an_object_goes_even_if_its_archiver_was_killed_before_it_said_so(quiz: System) -> None:
    talk(quiz, OLD)
    path = archived(Message.objects.get())
    Message.objects.update(archived_at=None)
    prune()
    assert not path.exists()


def test_an_archive_that_is_away_keeps_the_rows_and_is_named(quiz: System, settings: Any, tmp_path: Path) -> None:
    talk(quiz, OLD)
    path = archived(Message.objects.get())
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()

    with pytest.raises(CommandError) as failure:
        call_command("prune_history", stdout=StringIO())

    assert failure.value.returncode == 1
    assert "drillquiz: " in str(failure.value)
    assert Message.objects.count() == 1


def test_one_systems_failure_does_not_stop_the_others(quiz: System, cointutor: System) -> None:
    System.objects.update(retention_days=30)
    talk(cointutor, OLD, user_id="charlie")
    path = archived(Message.objects.get())
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()
    talk(quiz, OLD)
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("prune_history", "--json", stdout=out)

    report = json.loads(out.getvalue())
    assert [row["system_id"] for row in report["errors"]] == ["cointutor"]
    assert [row.system_id for row in Message.objects.all()] == ["cointutor"]


# How it goes --------------------------------------------------------------------------------------------------------


def test_a_dry_run_removes_nothing_and_counts_what_a_real_one_does(quiz: System) -> None:
    talk(quiz, OLD, YOUNG)
    talk(quiz, OLD, OLD, user_id="bob")
    archived(Message.objects.order_by("created_at")[0])
    now = timezone.now()
    for user_id in ("alice", "bob"):
        ChatUser.objects.create(system=quiz, user_id=user_id, first_seen_at=now - OLD, last_seen_at=now - OLD)
    Upload.objects.create(system=quiz, user_id="bob", file_id="file")
    Upload.objects.update(created_at=now - OLD)

    announced = prune("--dry-run")["drillquiz"]

    assert (Message.objects.count(), Conversation.objects.count(), ChatUser.objects.count()) == (4, 2, 2)
    assert announced == prune()["drillquiz"]
    assert announced == {"turns": 3, "archive_objects": 1, "conversations": 1, "uploads": 1, "chat_users": 1}


def test_it_goes_in_batches_each_of_which_is_a_short_transaction(quiz: System) -> None:
    talk(quiz, *[OLD] * 7)
    with CaptureQueriesContext(connection) as queries:
        prune("--batch", "3")
    by_id = 'DELETE FROM "history_message" WHERE "history_message"."id" IN'
    deletions = [query["sql"] for query in queries if query["sql"].startswith(by_id)]
    assert [sql.count(",") + 1 for sql in deletions] == [3, 3, 1]
    assert Message.objects.count() == 0


def test_it_can_be_stopped_after_any_batch_and_goes_on_from_there(
    quiz: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(quiz, *[OLD] * 5)
    removed, calls = objects.removed, []

    def interrupted(names: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        removed(names)

    monkeypatch.setattr(objects, "removed", interrupted)
    with pytest.raises(CommandError) as failure:
        call_command("prune_history", "--batch", "2", stdout=StringIO())
    assert failure.value.returncode == 130
    assert Message.objects.count() == 3

    assert prune("--batch", "2")["drillquiz"]["turns"] == 3


def test_others_write_between_two_batches(quiz: System, alice: Gateway) -> None:
    talk(quiz, *[OLD] * 40)
    steps = removal.turns_removed(Message.objects.filter(created_at__lt=timezone.now() - YOUNG), batch=1)
    answered = []
    writer = threading.Thread(target=lambda: answered.append(alice.say("Hello")))
    next(steps)
    writer.start()
    writer.join(10)
    assert [answer.status_code for answer in answered] == [200]
    assert sum(turns for turns, _ in steps) == 39


def test_a_conversation_that_is_spoken_in_meanwhile_stays(quiz: System) -> None:
    conversation = talk(quiz, OLD)
    Message.objects.all().delete()
    doomed = list(Conversation.objects.all())
    say(conversation, timezone.now())
    assert removal.remove_if_empty(doomed) == 0
    assert Message.objects.count() == 1


def test_it_says_what_it_did_for_each_system(quiz: System, cointutor: System) -> None:
    System.objects.update(retention_days=30)
    talk(quiz, OLD)
    out = StringIO()
    call_command("prune_history", stdout=out)
    assert out.getvalue().splitlines() == [
        "cointutor: removed nothing",
        "drillquiz: removed 1 turn, 1 conversation",
    ]


def test_without_any_retention_it_says_that_there_is_nothing_to_do(drillquiz: System) -> None:
    out = StringIO()
    call_command("prune_history", stdout=out)
    assert out.getvalue() == "No system has a retention: nothing to do.\n"


def test_an_unknown_system_is_an_error_and_nothing_is_removed(quiz: System) -> None:
    talk(quiz, OLD)
    with pytest.raises(CommandError, match="There is no system called drillqiuz") as failure:
        call_command("prune_history", "--system", "drillquiz", "--system", "drillqiuz")
    assert failure.value.returncode == 2
    assert Message.objects.count() == 1


@pytest.mark.parametrize("batch", ["0", "-1", "1000000000", "abc", "1.5", ""])
def test_a_batch_of_nonsense_is_refused(quiz: System, batch: str) -> None:
    with pytest.raises(CommandError, match="must be a number from 1 to 10,000"):
        call_command("prune_history", f"--batch={batch}")


# Dify still has it --------------------------------------------------------------------------------------------------


def sync(*arguments: str) -> None:
    call_command("sync_dify", *arguments, stdout=StringIO())


@pytest.fixture
def with_past(quiz: System, dify: StandIn) -> System:
    """Alice's conversation of long ago at Dify, and one of long ago with a turn of today."""
    now = timezone.now()
    ChatUser.objects.create(system=quiz, user_id="alice", first_seen_at=now, last_seen_at=now)
    _, lively = seed(dify, "drillquiz_alice", 0, 100)
    dify.store.add_message(lively, "And today?", "Still so.", created_at=int(now.timestamp()) - 60)
    return quiz


def test_what_was_pruned_does_not_come_back_by_a_sync(with_past: System, dify: StandIn) -> None:
    System.objects.update(retention_days=None)
    sync()
    assert Message.objects.count() == 3
    System.objects.update(retention_days=30)

    assert prune()["drillquiz"]["turns"] == 2
    sync()
    sync("--full")

    assert [row.query for row in Message.objects.all()] == ["And today?"]
    assert [row.name for row in Conversation.objects.all()] == ["Name 100"]
    assert len(dify.store.conversations) == 2
    assert prune()["drillquiz"]["turns"] == 0


def test_a_first_sync_takes_in_only_what_may_be_kept(with_past: System) -> None:
    sync()
    assert [row.query for row in Message.objects.all()] == ["And today?"]
    assert Conversation.objects.count() == 1


def test_listing_conversations_does_not_bring_old_ones_back_either(with_past: System, alice: Gateway) -> None:
    assert len(alice.get("/v1/conversations").json()) == 2
    assert [row.name for row in Conversation.objects.all()] == ["Name 100"]


def test_a_pruned_conversation_can_be_gone_on_with(with_past: System, dify: StandIn, alice: Gateway) -> None:
    old = next(iter(dify.store.conversations))
    assert alice.say("Once more", conversation_id=old).status_code == 200
    assert Conversation.objects.get(conversation_id=old).messages.count() == 1
