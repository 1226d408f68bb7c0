"""How rooms stand, in as few queries as it takes, however many rooms there are."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from rooms import presence
from rooms.models import Participant, Room
from rooms.presence import People


@dataclass(frozen=True, slots=True)
class RoomState:
    last_message: int
    members_only: bool
    system_enabled: bool
    asked: Collection[str]  # users; of others, who came since, nothing is known
    participants: dict[str, bool]  # of those asked for: whether they still are in it
    people: People  # who is connected, in any process


def looked_at(rooms: Collection[UUID], user_ids: Collection[str]) -> dict[UUID, RoomState]:
    """Rooms that are gone are left out."""
    participants: dict[UUID, dict[str, bool]] = defaultdict(dict)
    for room_id, user_id, removed_at in Participant.objects.filter(room_id__in=rooms, user_id__in=user_ids).values_list(
        "room_id", "user_id", "removed_at"
    ):
        participants[room_id][user_id] = removed_at is None
    people = presence.present(rooms)
    rows = Room.objects.filter(pk__in=rooms).values_list("pk", "last_message", "members_only", "system__enabled")
    return {pk: RoomState(last, only, on, user_ids, participants[pk], people[pk]) for pk, last, only, on in rows}


def memberships(user_ids: Collection[str]) -> list[tuple[UUID, str, str]]:
    """(room, user, system) of all rooms in which these users are participants."""
    return list(
        Participant.objects.filter(user_id__in=user_ids, removed_at=None).values_list(
            "room_id", "user_id", "room__system_id"
        )
    )
