"""What is said in rooms and who is in them, as the database has it: the truth that every socket is told.

Whoever writes locks the room's row first, so that the ids of its messages grow in the order in which they are
committed: whoever has read up to an id has missed nothing before it.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, QuerySet, Subquery
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied

from rooms import bell
from rooms.errors import NoSuchRoom, NotInRoom, RoomClosed
from rooms.models import Participant, Room, RoomMessage
from rooms.person import Person

PAGE = 200  # messages read at a time

Row = TypeVar("Row", bound=Model)


# Told of each new message of this process, and of the id of the one before it, once it is committed.
hearers: list[Callable[[RoomMessage, int], None]] = []


def said(
    room_id: UUID, person: Person, text: str, client_id: str | None = None, client_time: str = ""
) -> tuple[RoomMessage, bool]:
    """The stored message, and whether it is new: a client_id that the sender has used in this room stores nothing.

    Raises NoSuchRoom, NotInRoom, RoomClosed or PermissionDenied (system disabled).
    """
    with transaction.atomic():
        room, place = permitted(room_id, person, Room.objects.select_for_update(of=("self",)))
        if client_id and (before := said_before(room_id, person, client_id)):
            return before, False
        if room.closed_at:
            raise RoomClosed
        message = RoomMessage.objects.create(
            room_id=room_id, text=text, client_id=client_id or None, client_time=client_time, **as_sender(person, place)
        )
        Room.objects.filter(pk=room_id).update(last_message=message.pk)
        transaction.on_commit(lambda: tell(message, room.last_message))
    return message, True


def tell(message: RoomMessage, before: int) -> None:
    for hear in list(hearers):
        hear(message, before)
    bell.ring(message.room_id, bell.MESSAGES)


def said_before(room_id: UUID, person: Person, client_id: str) -> RoomMessage | None:
    return RoomMessage.objects.filter(room_id=room_id, sender_id=person.user_id, client_id=client_id).first()


def as_sender(person: Person, place: Participant | None) -> dict[str, str]:
    """The role that the room gave them goes before those that they bring along."""
    return {
        "sender_id": person.user_id,
        "sender_name": person.name,
        "sender_email": person.email,
        "sender_profile_url": person.profile_url,
        "sender_role": (place and place.role) or person.trip_role or person.role,
    }


def permitted(room_id: UUID, person: Person, rooms: QuerySet[Room]) -> tuple[Room, Participant | None]:
    """The room, if the person may be there, and their place in it. Another system's room is none.

    Two small queries, because Django takes longer to write one large one than the database to answer both.
    """
    system_id = person.system.system_id
    found = rooms.filter(pk=room_id, system_id=system_id).annotate(system_enabled=F("system__enabled"))
    room: Any = only(found)  # with what is annotated
    if room is None:
        raise NoSuchRoom
    if not room.system_enabled:
        raise PermissionDenied("This system is disabled.")
    if person.service or not person.user_id:
        return room, None  # a server of the system's, and the system itself, may be everywhere
    place = only(Participant.objects.filter(room_id=room_id, user_id=person.user_id))
    if place.removed_at if place else room.members_only:
        raise NotInRoom
    return room, place


def only(found: QuerySet[Row]) -> Row | None:
    """The one row that there can be. `first` would have them put in order, which costs as much as the answer."""
    return next(iter(found), None)


def rooms_seen_by(person: Person) -> QuerySet[Room]:
    """Rooms of the person's system, with whether they are in each, or were taken out of it."""
    here = Participant.objects.filter(room=OuterRef("pk"), user_id=person.user_id)
    return Room.objects.filter(system_id=person.system.system_id).annotate(
        is_in=Exists(here.filter(removed_at=None)), was_taken_out=Exists(here.exclude(removed_at=None))
    )


def readable(room_id: UUID, person: Person) -> Room:
    """The room, for somebody who wants to read it. Raises as `said` does."""
    return permitted(room_id, person, Room.objects.all())[0]


def entered(room_id: UUID, person: Person) -> Room:
    """The room, for somebody who joins it. Who enters an open room becomes a participant."""
    room = readable(room_id, person)
    if person.user_id and not room.members_only and not person.service:
        note_participant(room, person)
    return room


def note_participant(room: Room, person: Person) -> None:
    """As they are now. Their role is the room's affair, and stays."""
    entrant = Participant(
        room=room,
        user_id=person.user_id,
        name=person.name,
        email=person.email,
        profile_url=person.profile_url,
        role=person.role,
    )
    Participant.objects.bulk_create(
        [entrant],
        update_conflicts=True,
        unique_fields=["room", "user_id"],
        update_fields=["name", "email", "profile_url"],
    )


def rooms_of(person: Person) -> list[UUID]:
    """The rooms in which the person is a participant."""
    return list(
        Participant.objects.filter(
            user_id=person.user_id, removed_at=None, room__system_id=person.system.system_id
        ).values_list("room_id", flat=True)
    )


def before_joining(room_id: UUID, person: Person) -> int:
    """The id of what was said last before they became a participant; 0 if nothing was."""
    joined_at = Participant.objects.filter(room_id=room_id, user_id=person.user_id).values("joined_at")[:1]
    before = RoomMessage.objects.filter(room_id=room_id, created_at__lt=Subquery(joined_at))
    return before.order_by("-pk").values_list("pk", flat=True).first() or 0


def missed(room_id: UUID, since: int, limit: int = PAGE) -> list[RoomMessage]:
    """What was said after a message, oldest first, at most `limit` of it."""
    return list(RoomMessage.objects.filter(room_id=room_id, pk__gt=since, removed_at=None).order_by("pk")[:limit])


def put_in(room_id: UUID, user_id: str, role: str = "", name: str = "") -> Participant:
    """Makes somebody a participant, also again: then they join anew."""
    before = Participant.objects.filter(room_id=room_id, user_id=user_id).exclude(removed_at=None)
    before.update(joined_at=timezone.now())
    participant, _ = Participant.objects.update_or_create(
        room_id=room_id,
        user_id=user_id,
        defaults={"role": role, "removed_at": None, **({"name": name} if name else {})},
    )
    transaction.on_commit(lambda: bell.ring(room_id))
    return participant


def taken_out(room_id: UUID, user_id: str) -> bool:
    """Ends somebody's part in a room, and their sockets there. Whether they were in it."""
    here = Participant.objects.filter(room_id=room_id, user_id=user_id, removed_at=None)
    was_in = bool(here.update(removed_at=timezone.now()))
    transaction.on_commit(lambda: bell.ring(room_id))
    return was_in
