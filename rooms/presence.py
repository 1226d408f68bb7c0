"""Who is connected, over all processes: a row for each open socket in a room, and one for each process.

Presence counts people. The sockets of a process that has not said for a while that it lives do not count; so a
process that was killed leaves nobody behind. The database's clock decides, for all processes alike.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from rooms import bell
from rooms.models import Connection, Server
from rooms.person import Person

BEAT = 5.0  # seconds
DEAD_AFTER = timedelta(seconds=15)

People = dict[str, str]  # user id to name


def beat(server_id: UUID) -> bool:
    """Says that this process lives. False if the others had already taken it for dead, and forgot its sockets."""
    lived = bool(Server.objects.filter(pk=server_id).update(beat_at=Now()))
    if not lived:  # several sockets may find it out at once, and one of them is the first
        lived = not Server.objects.get_or_create(pk=server_id, defaults={"beat_at": Now()})[1]
    Server.objects.filter(beat_at__lt=Now() - DEAD_AFTER).delete()
    return lived


def end(server_id: UUID, rooms: Iterable[UUID]) -> None:
    Server.objects.filter(pk=server_id).delete()
    for room_id in rooms:
        bell.ring(room_id, bell.PEOPLE)


def opened(server_id: UUID, person: Person, room_id: UUID) -> int:
    """Notes a socket of somebody's; the number by which it is closed."""
    row = Connection.objects.create(room_id=room_id, server_id=server_id, user_id=person.user_id, name=person.name)
    bell.ring(room_id, bell.PEOPLE)
    return row.pk


def closed(connections: Iterable[int], rooms: Iterable[UUID]) -> None:
    Connection.objects.filter(pk__in=list(connections)).delete()
    for room_id in rooms:
        bell.ring(room_id, bell.PEOPLE)


def alive() -> QuerySet[Connection]:
    return Connection.objects.filter(server__beat_at__gte=Now() - DEAD_AFTER)


def present(rooms: Collection[UUID]) -> dict[UUID, People]:
    """Who is connected to each of these rooms."""
    people: dict[UUID, People] = defaultdict(dict)
    for room_id, user_id, name in (
        alive().filter(room_id__in=rooms).order_by("-pk").values_list("room_id", "user_id", "name")
    ):
        people[room_id][user_id] = name  # the oldest socket's, which comes last
    return people
