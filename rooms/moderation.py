"""What operators do to rooms. Each rings the bell, so that open sockets learn of it at once."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from rooms import bell, ledger
from rooms.models import Participant, Room, RoomMessage


@transaction.atomic
def close(room: Room) -> bool:
    """It can be read from now on, not written. Whether it was open."""
    return told(room.pk, Room.objects.filter(pk=room.pk, closed_at=None).update(closed_at=timezone.now()))


@transaction.atomic
def reopen(room: Room) -> bool:
    return told(room.pk, Room.objects.filter(pk=room.pk).exclude(closed_at=None).update(closed_at=None))


@transaction.atomic
def remove(message: RoomMessage) -> bool:
    """Its words are deleted; the row stays, and with it the order and the numbers of the others."""
    found = RoomMessage.objects.filter(pk=message.pk, removed_at=None)
    return told(message.room_id, found.update(text="", removed_at=timezone.now()))


@transaction.atomic
def take_out(participant: Participant) -> bool:
    return ledger.taken_out(participant.room_id, participant.user_id)


@transaction.atomic
def let_in_again(participant: Participant) -> bool:
    found = Participant.objects.filter(pk=participant.pk).exclude(removed_at=None)
    return told(participant.room_id, found.update(removed_at=None, joined_at=timezone.now()))


def told(room_id: UUID, changed: int) -> bool:
    if changed:
        transaction.on_commit(lambda: bell.ring(room_id))
    return bool(changed)
