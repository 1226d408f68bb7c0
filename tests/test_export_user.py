"""`manage.py export_user`: all that is kept of one person, as one JSON file that only its owner can read."""

import json
import os
import stat
import tracemalloc
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from history.models import Conversation, Message
from history.person import Person
from history.person_export import document
from rooms.models import Participant, Room, RoomMessage
from tenants.models import System
from tests.gateway import Gateway


def export(*options: str, system: str = "drillquiz", user: str = "alice") -> dict[str, Any]:
    out = StringIO()
    call_command("export_user", system, user, *options, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def failing(*options: str, system: str = "drillquiz", user: str = "alice") -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("export_user", system, user, *options, stdout=out)
    assert not out.getvalue()
    return failure.value.returncode, str(failure.value)


def test_it_has_everything_that_the_person_said_and_got(alice: Gateway) -> None:
    turn = alice.say("무엇? \u2028 \\ “quoted”", inputs={}).json()
    alice.post(f"/v1/messages/{turn['message_id']}/feedback", rating="like")
    alice.say("And?", conversation_id=turn["conversation_id"])
    file_id = alice.upload("a.png", b"\x89PNG\r\n\x1a\n").json()["id"]

    found = export()

    assert found["person"]["user_id"] == "alice"
    assert found["person"]["system_id"] == "drillquiz"
    assert found["person"]["first_seen_at"] <= found["person"]["last_seen_at"]
    [conversation] = found["conversations"]
    assert conversation["conversation_id"] == turn["conversation_id"]
    first, second = conversation["turns"]
    assert (first["question"], first["answer"]) == ("무엇? \u2028 \\ “quoted”", turn["answer"])
    assert (first["message_id"], first["status"], first["feedback"]) == (turn["message_id"], "answered", "like")
    assert second["question"] == "And?"
    assert [row["file_id"] for row in found["uploads"]] == [file_id]


def test_files_and_citations_are_in_it(alice: Gateway) -> None:
    alice.say("Hello [[sources]]")
    Message.objects.update(files=[{"name": "notes.pdf"}])
    [turn] = export()["conversations"][0]["turns"]
    assert turn["files"] == [{"name": "notes.pdf"}]
    assert turn["citations"]


def test_what_was_deleted_and_is_still_kept_is_in_it(alice: Gateway) -> None:
    conversation_id = alice.say("Hello").json()["conversation_id"]
    alice.delete(f"/v1/conversations/{conversation_id}")
    [conversation] = export()["conversations"]
    assert conversation["deleted_at"]
    assert conversation["turns"][0]["question"] == "Hello"


def test_a_turn_that_never_got_a_conversation_is_in_it(alice: Gateway) -> None:
    alice.say("Hello [[http 500]]")
    found = export()
    assert [turn["question"] for turn in found["turns_without_conversation"]] == ["Hello [[http 500]]"]


def test_nothing_of_anybody_else_is_in_it(alice: Gateway, bob: Gateway, charlie: Gateway) -> None:
    alice.say("Alice here")
    bob.say("Bob here")
    charlie.identity["user_id"] = "alice"
    charlie.say("Another Alice here")
    text = json.dumps(export())
    assert "Alice here" in text
    assert "Bob here" not in text
    assert "Another" not in text


def test_what_they_said_in_rooms_is_in_it(drillquiz: System) -> None:
    room = Room.objects.create(system=drillquiz, name="Trip to Busan")
    Participant.objects.create(room=room, user_id="alice", name="Alice")
    RoomMessage.objects.create(room=room, sender_id="alice", text="See you there")
    RoomMessage.objects.create(room=room, sender_id="bob", text="Not mine")

    found = export()  # of somebody who was never anywhere else

    assert [row["room"] for row in found["rooms"]] == ["Trip to Busan"]
    assert [row["text"] for row in found["room_messages"]] == ["See you there"]


def test_the_file_is_whole_and_for_its_owner_only(alice: Gateway, tmp_path: Path) -> None:
    alice.say("Hello")
    output = tmp_path / "alice.json"
    output.write_text("an older export")
    output.chmod(0o644)

    call_command("export_user", "drillquiz", "alice", "--output", str(output), stdout=StringIO(), stderr=StringIO())

    assert json.loads(output.read_text())["conversations"][0]["turns"][0]["question"] == "Hello"
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["alice.json"]


def test_an_unknown_user_or_system_is_an_error_and_no_file(drillquiz: System, tmp_path: Path) -> None:
    output = f"--output={tmp_path / 'nobody.json'}"
    assert failing(output) == (2, "No user called alice is known in drillquiz.")
    assert failing(output, system="drillqiuz") == (2, "There is no system called drillqiuz.")
    assert not os.listdir(tmp_path)


def test_a_place_that_cannot_be_written_is_named(alice: Gateway, tmp_path: Path) -> None:
    alice.say("Hello")
    code, said = failing(f"--output={tmp_path / 'nowhere' / 'alice.json'}")
    assert code == 1
    assert "cannot be written: No such file or directory." in said
    assert "it is no ordinary file" in failing(f"--output={tmp_path}")[1]
    assert not os.listdir(tmp_path)


def test_one_that_breaks_leaves_no_half_file(alice: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alice.say("Hello")

    def broken(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("history.person_export.turn", broken)
    with pytest.raises(KeyboardInterrupt):
        call_command("export_user", "drillquiz", "alice", "--output", str(tmp_path / "alice.json"))
    assert not os.listdir(tmp_path)


def test_it_is_written_piece_by_piece(drillquiz: System) -> None:
    now = timezone.now()
    conversation = Conversation.objects.create(
        system=drillquiz, user_id="alice", conversation_id="one", created_at=now, updated_at=now
    )
    long = "long " * 2_000  # 10 kB
    turns = [
        Message(
            system=drillquiz,
            user_id="alice",
            conversation=conversation,
            message_id=str(number),
            query="?",
            answer=long,
            created_at=now + timedelta(seconds=number),
        )
        for number in range(3_000)
    ]
    Message.objects.bulk_create(turns, batch_size=500)
    del turns

    tracemalloc.start()
    size = sum(map(len, document(Person(drillquiz, "alice"))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > 30_000_000
    assert peak < 10_000_000
