"""The bell: what rings it, and that it is no harm where nobody hears it."""

import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from channels.layers import get_channel_layer
from django.db import transaction
from pytest_django import Settings

from rooms import bell, ledger
from rooms.models import Room
from rooms.person import Person
from tests.rooms import new_system, open_room

NOWHERE = "redis://127.0.0.1:1/0"  # refuses
SILENT = "redis://192.0.2.1:6379/0"  # answers nothing


@pytest.fixture
def room(transactional_db: None) -> Room:
    return open_room(new_system())


@pytest.fixture
def rung() -> Iterator[list[tuple[UUID | None, str]]]:
    heard: list[tuple[UUID | None, str]] = []

    def listener(room_id: UUID | None, about: str) -> None:
        heard.append((room_id, about))

    bell.listeners.append(listener)
    yield heard
    bell.listeners.remove(listener)


def test_it_rings_once_a_message_is_committed_and_not_before(room: Room, rung: list[tuple[UUID | None, str]]) -> None:
    with transaction.atomic():
        ledger.said(room.pk, Person(room.system, "alice"), "Hello")
        assert rung == []
    assert rung == [(room.pk, bell.MESSAGES)]


def test_it_rings_for_who_is_put_in_and_taken_out(room: Room, rung: list[tuple[UUID | None, str]]) -> None:
    ledger.put_in(room.pk, "bob")
    ledger.taken_out(room.pk, "bob")
    assert rung == [(room.pk, bell.ANYTHING)] * 2


def test_it_rings_everywhere_when_a_system_changes(room: Room, rung: list[tuple[UUID | None, str]]) -> None:
    room.system.enabled = False
    room.system.save()
    assert rung == [(None, bell.ANYTHING)]


def test_it_rings_for_a_room_that_is_deleted(room: Room, rung: list[tuple[UUID | None, str]]) -> None:
    room_id = room.pk
    room.delete()
    assert rung == [(room_id, bell.ANYTHING)]


@pytest.mark.parametrize("url", [NOWHERE, SILENT])
def test_a_redis_that_is_away_neither_stops_nor_delays_what_is_said(
    room: Room, settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.REDIS_URL = url
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [url], "prefix": "test"},
        }
    }
    assert get_channel_layer()
    monkeypatch.setattr(bell, "_try_again_at", 0.0)
    begun = time.monotonic()
    for number in range(5):
        ledger.said(room.pk, Person(room.system, "alice"), f"message {number}")
    assert time.monotonic() - begun < 3 * bell.LONGEST_WAIT
    assert bell.redis_is_away()
    assert room.messages.count() == 5
