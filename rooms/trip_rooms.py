"""The room of a trip: one for each trip of a system, and only participants are in it."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from rest_framework.exceptions import PermissionDenied

from rooms import ledger, trip_rules
from rooms.errors import NoSuchRoom
from rooms.models import Participant, Room
from rooms.person import Person
from rooms.times import iso
from tenants.models import System


@transaction.atomic
def opened(person: Person, trip_id: str, wanted: list[dict[str, str]]) -> tuple[Room, bool]:
    """The trip's room with these people in it, and whether it is new. Asked twice, there is still one room."""
    trip_rules.may_open(person, trip_id)
    # One at a time, or two would each make a room. It does not hold up those who only refer to the system.
    System.objects.select_for_update(no_key=True).get(pk=person.system.pk)
    room = Room.objects.filter(system=person.system, trip_id=trip_id, members_only=True).order_by("created_at").first()
    new = room is None
    room = room or Room.objects.create(system=person.system, trip_id=trip_id, members_only=True)
    if not trip_rules.is_server(person):
        let_in(person, room)
    put_in(person, room, wanted, new)
    return room, new


def let_in(person: Person, room: Room) -> None:
    """Whoever has a token of the trip belongs in its room, unless they were taken out of it."""
    here = Participant.objects.filter(room=room, user_id=person.user_id).first()
    if here is None:
        ledger.put_in(room.pk, person.user_id, trip_rules.own_role(person), person.name)
    elif here.removed_at:
        raise NoSuchRoom


def put_in(person: Person, room: Room, wanted: list[dict[str, str]], new: bool) -> None:
    """Those who are in it already, as they are wanted, need nobody's leave."""
    missing = {each["userId"]: each for each in wanted if each["userId"] != person.user_id}
    for here in Participant.objects.filter(room=room, user_id__in=missing, removed_at=None):
        if missing[here.user_id]["role"] in ("", here.role):
            del missing[here.user_id]
    if missing and not new and not trip_rules.manages(person, room):
        raise PermissionDenied("Only owners and admins of this room, or a server, may put others in.")
    for each in missing.values():
        ledger.put_in(room.pk, each["userId"], each["role"], each["name"])


def participants_of(room: Room) -> Iterable[Participant]:
    return room.participants.filter(removed_at=None).order_by("joined_at", "pk")


def shown(room: Room) -> dict[str, Any]:
    return {
        "id": str(room.pk),
        "tripId": room.trip_id,
        "participants": [shown_participant(each) for each in participants_of(room)],
        "createdAt": iso(room.created_at),
        "closedAt": iso(room.closed_at),
    }


def shown_participant(participant: Participant) -> dict[str, str]:
    return {"userId": participant.user_id, "role": participant.role, "name": participant.name}
