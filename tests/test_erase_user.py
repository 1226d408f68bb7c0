"""`manage.py erase_user`: a person's words go, here and in Dify, whatever goes wrong, and a receipt stays."""

import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from dify.standin import app
from dify.standin.call import Call
from dify.standin.exchange import CutError, Response
from dify.standin.server import StandIn, running_standin
from history.archive import objects
from history.erasure import run, running
from history.management.commands import erase_user
from history.models import ChatUser, Conversation, Erasure, Message, Upload
from history.sync import lock
from rooms.models import Participant, Room, RoomMessage
from tenants.models import System
from tests.gateway import Gateway
from tests.upstream import answers, listing, seed

ALICE = "drillquiz_alice"
SECRET = "My secret is pomegranate"


@pytest.fixture(params=["0.15.3", "1.13.2"])
def dify(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with running_standin(version=request.param) as standin:
        yield standin


@pytest.fixture(autouse=True)
def archive(tmp_path: Path, settings: Any) -> Path:
    backend = {"BACKEND": "history.archive.disk.PrivateFiles", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"archive": backend}
    return tmp_path


def erase(*arguments: str, system: str = "drillquiz", user: str = "alice") -> str:
    """What a complete erasure said."""
    out = StringIO()
    call_command("erase_user", system, user, *(arguments or ("--yes",)), stdout=out)
    return out.getvalue()


def failing(*arguments: str, user: str = "alice", system: str = "drillquiz") -> tuple[int, str]:
    """The exit code of one that was not complete, and all that it said."""
    out = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("erase_user", system, user, *(arguments or ("--yes",)), stdout=out)
    return failure.value.returncode, f"{out.getvalue()}{failure.value}"


def receipt() -> dict[str, Any]:
    report: dict[str, Any] = Erasure.objects.latest("pk").report
    return report


def traces(user: str = "alice") -> int:
    """Rows of the ledger that name the person."""
    return sum(model.objects.filter(user_id=user).count() for model in (Message, Conversation, Upload, ChatUser))


def at_dify(dify: StandIn, user: str = ALICE) -> list[str]:
    return [row.id for row in dify.store.conversations.values() if row.user == user]


def deletes(monkeypatch: pytest.MonkeyPatch, handler: Any) -> None:
    """`handler` answers to DELETE instead of the stand-in: (call, conversation_id, the stand-in's own answer)."""
    methods = next(methods for _, methods in app.WITH_ID if "DELETE" in methods)
    own = methods["DELETE"]
    monkeypatch.setitem(methods, "DELETE", lambda call, found: handler(call, found, own))


# All is well --------------------------------------------------------------------------------------------------------


def test_everything_of_the_person_goes_here_and_in_dify(alice: Gateway, dify: StandIn) -> None:
    first = alice.say(SECRET).json()["conversation_id"]
    alice.say("And more", conversation_id=first)
    second = alice.say("Something else").json()["conversation_id"]
    alice.upload("a.png", b"\x89PNG\r\n\x1a\n")

    said = erase()

    assert traces() == 0
    assert at_dify(dify) == []
    here = {what: number for what, number in receipt()["here"].items() if number}
    assert here == {"turns": 3, "uploads": 1, "chat_users": 1, "conversations": 2}
    assert sorted(receipt()["dify"]["deleted"]) == sorted([first, second])
    assert receipt()["complete"] is True
    assert "Result: done" in said


def test_nobody_else_loses_anything(alice: Gateway, bob: Gateway, charlie: Gateway, dify: StandIn) -> None:
    for person in (alice, bob, charlie):
        person.say("Hello")
    charlie.identity["user_id"] = "alice"  # of another system
    charlie.say("Hello")

    erase()

    assert traces("bob") == traces("charlie") == 3
    assert {row.user for row in dify.store.conversations.values()} == {"drillquiz_bob", "cointutor_charlie"} | {
        "cointutor_alice"
    }
    assert Message.objects.filter(system_id="cointutor", user_id="alice").exists()


def test_conversations_that_the_ledger_does_not_know_go_too(alice: Gateway, dify: StandIn) -> None:
    alice.say("Hello")
    seed(dify, ALICE, *[number // 3 for number in range(230)])  # more than two of Dify's pages, with ties
    erase()
    assert at_dify(dify) == []
    assert len(receipt()["dify"]["deleted"]) == 231


def test_more_conversations_in_one_second_than_dify_can_list_go_all_the_same(alice: Gateway, dify: StandIn) -> None:
    alice.say("Hello")
    seed(dify, ALICE, *[5] * 500)
    erase()
    assert at_dify(dify) == []


def test_what_dify_has_no_more_is_fine(alice: Gateway, dify: StandIn) -> None:
    conversation_id = alice.say("Hello").json()["conversation_id"]
    dify.store.delete(dify.store.conversations[conversation_id])
    erase()
    assert receipt()["dify"] == {"deleted": [], "already_gone": [conversation_id], "left": []}


def test_conversations_that_were_deleted_before_are_erased_here(alice: Gateway) -> None:
    conversation_id = alice.say(SECRET).json()["conversation_id"]
    alice.delete(f"/v1/conversations/{conversation_id}")
    assert traces() == 3
    erase()
    assert traces() == 0


def test_an_id_that_is_none_of_difys_is_not_sent_to_it(alice: Gateway, dify: StandIn) -> None:
    alice.say("Hello")
    Conversation.objects.update(conversation_id="../../v1/info")
    erase()
    assert receipt()["dify"]["already_gone"] == ["../../v1/info"]
    assert [request.path for request in dify.requests if ".." in request.path or request.path == "/v1/info"] == []


def test_a_user_whose_id_dify_would_not_take_is_erased_by_its_hash(drillquiz: System, dify: StandIn) -> None:
    from tests.conftest import caller_by_key

    long = "a" * 256
    caller_by_key(drillquiz, long).say("Hello")
    erase(user=long)
    assert not dify.store.conversations
    assert traces(long) == 0


def test_the_receipt_has_nothing_that_was_said(alice: Gateway) -> None:
    alice.say(SECRET)
    Conversation.objects.update(name=f"About {SECRET}")
    said = erase()
    assert "pomegranate" not in said
    assert "pomegranate" not in json.dumps(receipt())


def test_the_receipt_says_what_dify_cannot_delete(alice: Gateway) -> None:
    alice.say("Hello")
    said = erase()
    assert "What no call can delete in Dify:" in said
    for subject in ("end user", "Files that were uploaded", "logs"):
        assert any(subject in sentence for sentence in receipt()["dify_cannot_delete"])
    assert "the command line" in said


def test_archived_objects_go_first(alice: Gateway, archive: Path) -> None:
    alice.say(SECRET)
    turn = Message.objects.get()
    objects.store(objects.name_of(turn), objects.object_of(turn))
    Message.objects.update(archived_at=timezone.now())
    assert list(archive.rglob("*.json"))

    erase()

    assert not list(archive.rglob("*.json"))
    assert receipt()["here"]["archive_objects"] == 1


def test_what_they_said_in_rooms_is_emptied_and_their_places_go(alice: Gateway, drillquiz: System) -> None:
    alice.say("Hello")
    room = Room.objects.create(system=drillquiz, name="Room")
    for user_id in ("alice", "bob"):
        Participant.objects.create(room=room, user_id=user_id, name=user_id.title(), email=f"{user_id}@example.com")
        RoomMessage.objects.create(
            room=room, sender_id=user_id, sender_name=user_id.title(), text=SECRET, client_id="one"
        )

    erase()

    assert (receipt()["here"]["room_messages"], receipt()["here"]["room_participants"]) == (1, 1)
    assert list(Participant.objects.values_list("user_id", flat=True)) == ["bob"]
    emptied, other = RoomMessage.objects.order_by("pk")
    assert (emptied.text, emptied.sender_id, emptied.sender_name, emptied.client_id) == ("", "", "", None)
    assert emptied.removed_at
    assert (other.text, other.sender_id) == (SECRET, "bob")


def test_somebody_who_was_in_rooms_only_can_be_erased(drillquiz: System) -> None:
    room = Room.objects.create(system=drillquiz)
    RoomMessage.objects.create(room=room, sender_id="alice", text=SECRET)
    erase()
    assert RoomMessage.objects.get().text == ""


# Asking first -------------------------------------------------------------------------------------------------------


def test_a_dry_run_deletes_nothing_and_says_what_would_go(alice: Gateway, dify: StandIn) -> None:
    alice.say("Hello")
    seed(dify, ALICE, 0)
    said = erase("--dry-run")
    assert "1 turn here" in said
    assert "2 conversations in Dify" in said
    assert len(at_dify(dify)) == 2
    assert traces() == 3
    assert not Erasure.objects.exists()


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["", "yes", "Alice", "bob", "\n"])
def test_whoever_does_not_type_the_user_id_deletes_nothing(
    alice: Gateway, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    alice.say("Hello")
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    code, said = failing("--verbosity=1")
    assert code == 2
    assert "That is not the user id. Nothing was deleted." in said
    assert traces() == 3


def test_whoever_types_the_user_id_means_it(alice: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    alice.say("Hello")
    monkeypatch.setattr("sys.stdin", Terminal("alice\n"))
    assert "It cannot be undone." in erase("--verbosity=1")
    assert traces() == 0


def test_without_a_terminal_it_wants_to_be_told_yes(alice: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    alice.say("Hello")
    monkeypatch.setattr("sys.stdin", StringIO("alice\n"))
    code, said = failing("--verbosity=1")
    assert (code, traces()) == (2, 3)
    assert "use --yes" in said


def test_an_unknown_user_or_system_is_named(drillquiz: System, dify: StandIn) -> None:
    assert failing() == (2, "No user called alice is known in drillquiz.")
    assert failing(system="drillqiuz") == (2, "There is no system called drillqiuz.")
    assert failing("--dry-run") == (2, "No user called alice is known in drillquiz.")
    assert not dify.requests
    assert not Erasure.objects.exists()


def test_once_more_is_fine(alice: Gateway) -> None:
    alice.say("Hello")
    erase()
    erase()
    assert receipt()["dify"] == {"deleted": [], "already_gone": [], "left": []}
    assert Erasure.objects.count() == 2


# Trouble ------------------------------------------------------------------------------------------------------------


def test_while_dify_is_down_the_words_go_here_and_a_second_run_completes_it(
    alice: Gateway, dify: StandIn, drillquiz: System
) -> None:
    conversation_id = alice.say(SECRET).json()["conversation_id"]
    System.objects.update(dify_base_url="http://127.0.0.1:9/v1")

    code, said = failing()

    assert (code, traces()) == (1, 0)
    assert "Result: partly" in said
    assert f"{conversation_id}: Dify cannot be reached." in said
    assert "conversations that are unknown here: Dify cannot be reached." in said
    assert at_dify(dify) == [conversation_id]

    System.objects.update(dify_base_url=dify.url)
    erase()
    assert at_dify(dify) == []
    assert receipt()["dify"]["deleted"] == [conversation_id]


def test_what_is_left_is_remembered_over_several_vain_runs(alice: Gateway, dify: StandIn) -> None:
    conversation_id = alice.say("Hello").json()["conversation_id"]
    System.objects.update(dify_base_url="http://127.0.0.1:9/v1")
    failing()
    failing()
    assert [row["id"] for row in receipt()["dify"]["left"]] == [conversation_id]


def test_a_system_without_dify_loses_the_words_and_is_named(alice: Gateway) -> None:
    alice.say("Hello")
    System.objects.update(dify_base_url="", dify_api_key="")
    code, said = failing()
    assert (code, traces()) == (1, 0)
    assert "Dify was not asked: No Dify app is configured" in said
    assert len(receipt()["dify"]["left"]) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>Bad gateway</html>", "text/html"),
        (404, b"<!doctype html><title>404</title>", "text/html"),
        (500, b'{"code": "internal_server_error", "message": "x", "status": 500}', "application/json"),
        (401, b'{"code": "unauthorized", "message": "x", "status": 401}', "application/json"),
        (200, b"<html>Welcome</html>", "text/html"),
        (0, b"", ""),
    ],
)
def test_one_that_dify_does_not_delete_is_left_and_the_others_go(
    alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, kind: str
) -> None:
    ids = [alice.say(f"Hello {number}").json()["conversation_id"] for number in range(6)]
    stubborn = ids[2]

    def deleting(call: Call, conversation_id: str, own: Any) -> Response:
        if conversation_id != stubborn:
            return own(call, conversation_id)
        if not status:
            raise CutError
        return Response(status, body, kind)

    with monkeypatch.context() as patch:
        deletes(patch, deleting)
        code, said = failing()

    assert (code, traces()) == (1, 0)
    assert at_dify(dify) == [stubborn]
    assert [row["id"] for row in receipt()["dify"]["left"]] == [stubborn]
    assert stubborn in said
    assert "<html>" not in said
    erase()
    assert at_dify(dify) == []


def test_a_dify_that_only_says_that_it_deleted_is_not_believed(
    alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation_id = alice.say("Hello").json()["conversation_id"]
    deletes(monkeypatch, lambda call, found, own: Response(200, b'{"result": "success"}'))
    code, _ = failing()
    assert code == 1
    assert receipt()["dify"]["left"] == [{"id": conversation_id, "reason": "Dify still lists it."}]
    assert receipt()["dify"]["deleted"] == []


@pytest.mark.parametrize(
    "answer",
    [Response(200, b"<html>Hello</html>"), Response(200, b'{"data": null}'), listing({"name": "Without an id"})],
)
def test_a_list_that_cannot_be_read_makes_it_incomplete(
    alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch, answer: Response
) -> None:
    alice.say("Hello")
    with monkeypatch.context() as patch:
        answers(patch, "/v1/conversations", lambda call: answer)
        code, _ = failing()
    assert (code, at_dify(dify), traces()) == (1, [], 0)
    assert len(receipt()["problems"]) == 1
    erase()


def test_an_archive_that_is_away_keeps_rows_without_words(alice: Gateway, archive: Path) -> None:
    alice.say(SECRET)
    turn = Message.objects.get()
    path = archive / objects.name_of(turn)
    path.mkdir(parents=True)
    (path / "in the way").touch()

    code, said = failing()

    assert code == 1
    assert "The archive could not be emptied" in said
    turn.refresh_from_db()
    assert (turn.query, turn.answer) == ("", "")
    assert not ChatUser.objects.exists()

    (path / "in the way").unlink()
    path.rmdir()
    erase()
    assert traces() == 0


def test_one_that_was_killed_is_completed_by_the_next(
    alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [alice.say(f"Hello {number}").json()["conversation_id"] for number in range(3)]

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "Deletion", killed)
        code, _ = failing()
    assert code == 130
    assert traces() == 0
    interrupted = Erasure.objects.get()
    assert interrupted.ended_at is None

    erase()
    assert sorted(receipt()["dify"]["deleted"]) == sorted(ids)


# At the same time ---------------------------------------------------------------------------------------------------


def test_a_turn_that_ends_meanwhile_brings_nothing_back(
    alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.0)
    monkeypatch.setattr(running.quieted, "__defaults__", (0.0,))
    monkeypatch.setattr(running, "stop", lambda *_: None)
    talk = threading.Thread(target=alice.stream, args=(f"{SECRET} [[long 40]] [[pace 50]]",))
    talk.start()
    until(lambda: Message.objects.exclude(task_id="").exists())

    code, said = failing()
    talk.join()
    until(lambda: not any(thread.name == "turn" for thread in threading.enumerate()))

    assert code == 1
    assert "1 turn still running" in said
    assert (Message.objects.count(), Conversation.objects.count()) == (0, 0)
    erase()
    assert at_dify(dify) == []


def test_a_running_turn_is_stopped_and_awaited(alice: Gateway, dify: StandIn) -> None:
    talk = threading.Thread(target=alice.stream, args=(f"{SECRET} [[long 400]] [[pace 100]]",))
    talk.start()
    until(lambda: Message.objects.exclude(task_id="").exists())
    begun = time.monotonic()

    erase()

    assert time.monotonic() - begun < 10
    talk.join()
    assert traces() == 0
    assert at_dify(dify) == []


def until(true: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_while_a_sync_runs_it_waits_and_then_gives_up(alice: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    alice.say("Hello")
    monkeypatch.setattr(erase_user, "WAITS_FOR_A_SYNC", 0.5)
    with lock.held():
        code, said = failing()
    assert (code, traces()) == (75, 3)
    assert "Another sync is running. Nothing was deleted" in said


def test_what_dify_kept_does_not_come_back_by_a_sync_when_the_person_does(
    alice: Gateway, dify: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = alice.say(SECRET).json()["conversation_id"]
    [unknown] = seed(dify, ALICE, 0)
    with monkeypatch.context() as patch:
        deletes(patch, lambda call, found, own: Response(500, b'{"code": "x", "status": 500}'))
        failing()
    assert len(at_dify(dify)) == 2
    now = timezone.now()
    ChatUser.objects.create(system_id="drillquiz", user_id="alice", first_seen_at=now, last_seen_at=now)

    call_command("sync_dify", "--full", stdout=StringIO())
    alice.get("/v1/conversations")

    assert not Message.objects.exists()
    assert not Conversation.objects.filter(conversation_id__in=[old, unknown.id]).exists()


def test_what_is_said_after_an_erasure_is_kept_as_ever(alice: Gateway, dify: StandIn) -> None:
    alice.say(SECRET)
    erase()
    Erasure.objects.update(begun_at=timezone.now() - timedelta(minutes=10))
    alice.say("A new beginning")
    [made] = seed(dify, ALICE, 0, said=0)
    made.updated_at = int(time.time())
    dify.store.add_message(made, "Said at Dify itself", "Yes", created_at=int(time.time()) - 5)
    call_command("sync_dify", stdout=StringIO())
    assert set(Message.objects.values_list("query", flat=True)) == {"A new beginning", "Said at Dify itself"}


def test_no_word_reaches_the_log(alice: Gateway, log: StringIO, archive: Path) -> None:
    alice.say(SECRET)
    System.objects.update(dify_base_url="http://127.0.0.1:9/v1")
    failing()
    assert not re.search("pomegranate", log.getvalue())
