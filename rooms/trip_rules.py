"""Who may change who is in a room, in the trip chat contract.

A server of the system may do everything. Somebody with a token of a trip may open that trip's room and be in it. Who
is in a room may leave it; only its owners and admins put others in or take them out.
"""

from rest_framework.exceptions import PermissionDenied

from rooms.models import Participant, Room
from rooms.person import Person

MANAGERS = {"owner", "admin"}


def is_server(person: Person) -> bool:
    return person.service or not person.user_id


def manages(person: Person, room: Room) -> bool:
    """By what the token says, of the person or of them on this trip; or by their role in the room."""
    if is_server(person):
        return True
    here = Participant.objects.filter(room=room, user_id=person.user_id, removed_at=None).first()
    if here is None:
        return False
    on_this_trip = person.trip_role if person.trip_id and person.trip_id == room.trip_id else ""
    return not MANAGERS.isdisjoint({person.role.lower(), on_this_trip.lower(), here.role.lower()})


def may_open(person: Person, trip_id: str) -> None:
    if not is_server(person) and person.trip_id != trip_id:
        raise PermissionDenied("Your token is not for this trip.")


def may_manage(person: Person, room: Room) -> None:
    if not manages(person, room):
        raise PermissionDenied("Only owners and admins of this room, or a server, may do that.")


def own_role(person: Person) -> str:
    """What the issuer says goes before what somebody says of themselves."""
    return person.trip_role or person.role
