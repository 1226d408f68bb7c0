"""Saying something over HTTP, under the same limits as over a socket."""

from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import Throttled

from rooms import ledger, pace
from rooms.errors import NoSuchRoom, NotInRoom
from rooms.models import RoomMessage
from rooms.person import Person
from rooms.policy import policy_of
from tenants.errors import TooLarge


def sent(room_id: UUID, person: Person, text: str, client_id: str | None) -> tuple[RoomMessage, bool]:
    """The message, and whether it is new. A room that is not the person's does not exist for them."""
    if len(text.encode()) > settings.ROOMS_MAX_MESSAGE_BYTES:
        raise TooLarge(settings.ROOMS_MAX_MESSAGE_BYTES)
    keep_pace(person)
    try:
        return ledger.said(room_id, person, text, client_id)
    except NotInRoom:
        raise NoSuchRoom from None


def keep_pace(person: Person) -> None:
    """A server speaks for many, so it has no limit."""
    if person.service or not person.user_id:
        return
    wait = pace.seconds_to_wait((person.system.pk, person.user_id), policy_of(person.system).messages_per_minute)
    if wait:
        raise Throttled(wait=wait, code="quota_exceeded", detail="You are sending too fast.")
