"""Pages of what is kept: messages of a room, oldest first, and rooms, newest first."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from rooms import ledger
from rooms.errors import NoSuchRoom, NotInRoom
from rooms.models import Room, RoomMessage
from rooms.person import Person

MOST = 100
MESSAGES = 50  # a page, if a client does not say
ROOMS = 20
BIGGEST_ID = 2**63 - 1

BEFORE = OpenApiParameter("before", OpenApiTypes.INT, description="Only messages older than the one with this id.")


def limit_parameter(default: int) -> OpenApiParameter:
    return OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MOST}; {default} if not given.")


class MessagesQuery(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=MESSAGES)
    before = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)


class RoomsQuery(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=ROOMS)
    last_id = serializers.UUIDField(required=False)


def asked(query: serializers.Serializer[Any]) -> dict[str, Any]:
    query.is_valid(raise_exception=True)
    return query.validated_data


def room_of(text: str, person: Person) -> Room:
    """A room that the person may read. Others do not exist for them, whatever the reason. Raises NoSuchRoom."""
    try:
        return ledger.readable(uuid_of(text), person)
    except NotInRoom:
        raise NoSuchRoom from None


def uuid_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NoSuchRoom from None


def messages_before(room: Room, before: int | None, limit: int) -> tuple[list[RoomMessage], dict[str, str] | None]:
    """Oldest first, and what leads to those before them. What was removed is left out."""
    found = RoomMessage.objects.filter(room=room, removed_at=None)
    if before is not None:
        found = found.filter(pk__lt=before)
    page = list(found.order_by("-pk")[: limit + 1])
    following = {"before": str(page[limit - 1].pk)} if len(page) > limit else None
    return page[:limit][::-1], following


def rooms_of(person: Person, last_id: UUID | None, limit: int) -> tuple[list[Room], dict[str, str] | None]:
    """Newest first, and what leads to those after them. Raises NoSuchRoom for a last_id that is not the person's."""
    if not person.system.enabled:
        raise PermissionDenied("This system is disabled.")
    found = visible_to(person)
    if last_id is not None:
        last = found.filter(pk=last_id).first()
        if last is None:
            raise NoSuchRoom
        found = found.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk))
    page = list(found.order_by("-created_at", "-pk")[: limit + 1])
    following = {"last_id": str(page[limit - 1].pk)} if len(page) > limit else None
    return page[:limit], following


def visible_to(person: Person) -> QuerySet[Room]:
    """The same rooms as ledger.permitted lets the person be in."""
    found = ledger.rooms_seen_by(person)
    if person.service or not person.user_id:
        return found
    return found.filter(Q(is_in=True) | Q(members_only=False), was_taken_out=False)  # type: ignore[misc]  # annotated
