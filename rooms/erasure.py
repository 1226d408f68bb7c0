"""A person's erasure and export reach the rooms, too: history/signals.py."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from rooms.models import Participant, RoomMessage

BATCH = 500
# The place of a message stays, so that whoever has read up to it has still missed nothing.
BLANK = {
    "text": "",
    "sender_id": "",
    "sender_name": "",
    "sender_email": "",
    "sender_profile_url": "",
    "sender_role": "",
    "client_id": None,
    "client_time": "",
}


def erase(system_id: str, user_id: str, dry_run: bool, **signal: Any) -> dict[str, int]:
    said, places = messages_of(system_id, user_id), places_of(system_id, user_id)
    if dry_run:
        return {"room_messages": said.count(), "room_participants": places.count()}
    return {"room_messages": sum(blanked(said)), "room_participants": places.delete()[0]}


def blanked(said: QuerySet[RoomMessage]) -> Iterator[int]:
    while ids := list(said.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            yield RoomMessage.objects.filter(pk__in=ids).update(**BLANK, removed_at=timezone.now())


def export(system_id: str, user_id: str, **signal: Any) -> dict[str, Iterable[dict[str, Any]]]:
    return {
        "rooms": map(place, places_of(system_id, user_id).select_related("room").order_by("pk").iterator(BATCH)),
        "room_messages": map(message, messages_of(system_id, user_id).order_by("pk").iterator(BATCH)),
    }


def messages_of(system_id: str, user_id: str) -> QuerySet[RoomMessage]:
    """The system itself, whose messages have no sender, is nobody."""
    return RoomMessage.objects.filter(room__system_id=system_id, sender_id=user_id).exclude(sender_id="")


def places_of(system_id: str, user_id: str) -> QuerySet[Participant]:
    return Participant.objects.filter(room__system_id=system_id, user_id=user_id)


def place(row: Participant) -> dict[str, Any]:
    return {
        "room_id": str(row.room_id),
        "room": row.room.name,
        "name": row.name,
        "email": row.email,
        "profile_url": row.profile_url,
        "role": row.role,
        "joined_at": row.joined_at.isoformat(),
        "removed_at": row.removed_at and row.removed_at.isoformat(),
    }


def message(row: RoomMessage) -> dict[str, Any]:
    return {
        "room_id": str(row.room_id),
        "id": row.pk,
        "text": row.text,
        "name": row.sender_name,
        "email": row.sender_email,
        "profile_url": row.sender_profile_url,
        "role": row.sender_role,
        "client_time": row.client_time,
        "created_at": row.created_at.isoformat(),
        "removed_at": row.removed_at and row.removed_at.isoformat(),
    }
