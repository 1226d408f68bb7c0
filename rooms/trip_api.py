"""The trip chat contract over HTTP: /rooms. Only participants are in a room, and servers of the system."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from history.links import linked_page
from rooms import frames, ledger, trip_rooms, trip_rules
from rooms.authentication import RoomsView
from rooms.models import Participant
from rooms.reading import BEFORE, MESSAGES, MessagesQuery, asked, limit_parameter, messages_before, room_of
from tenants.caller import valid_user_id

MOST_PARTICIPANTS = 500  # in one request


@extend_schema_field(OpenApiTypes.STR)
class UserIdField(serializers.Field[str, Any, str, Any]):
    """Text, or a whole number that is taken as text."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return valid_user_id(data)
        except ValidationError as error:
            raise ValidationError(error.detail["user_id"]) from None  # type: ignore[call-overload]

    def to_representation(self, value: str) -> str:
        return value


class ParticipantSerializer(serializers.Serializer[Any]):
    userId = UserIdField()  # noqa: N815, the contract's names here and below
    role = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class NewTripRoomSerializer(serializers.Serializer[Any]):
    tripId = serializers.CharField(max_length=200)  # noqa: N815
    participants = ParticipantSerializer(  # type: ignore[call-arg]  # the list's
        many=True, required=False, default=list, max_length=MOST_PARTICIPANTS
    )


class TripRoomSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    tripId = serializers.CharField()  # noqa: N815
    participants = ParticipantSerializer(many=True)
    createdAt = serializers.DateTimeField()  # noqa: N815
    closedAt = serializers.DateTimeField(allow_null=True)  # noqa: N815


class SenderSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    role = serializers.CharField()


class TripMessageSerializer(serializers.Serializer[Any]):
    """As in the frames of the socket."""

    id = serializers.IntegerField()
    text = serializers.CharField()
    timestamp = serializers.CharField(help_text="The sender's, as it was; else ours.")
    sender = SenderSerializer()


class TripRoomsView(RoomsView):
    @extend_schema(
        operation_id="trip_open_room",
        summary="Open the room of a trip",
        description="One for each trip: asked again, it answers 200 with the room that there is, and puts in who is "
        "missing. A participant's token opens the room of its own trip; owners, admins and servers may put "
        "others into one that exists.",
        request=NewTripRoomSerializer,
        responses={201: TripRoomSerializer, 200: TripRoomSerializer},
    )
    def post(self, request: Request) -> Response:
        wanted = asked(NewTripRoomSerializer(data=request.data))
        room, new = trip_rooms.opened(self.person(request), wanted["tripId"], wanted["participants"])
        return Response(trip_rooms.shown(room), status=201 if new else 200)


class TripParticipantsView(RoomsView):
    @extend_schema(
        operation_id="trip_put_in",
        summary="Put somebody into a room",
        description="For servers, and owners and admins of the room. 200 instead of 201: they were in it already.",
        request=ParticipantSerializer,
        responses={201: ParticipantSerializer, 200: ParticipantSerializer},
    )
    def post(self, request: Request, room_id: str) -> Response:
        person = self.person(request)
        room = room_of(room_id, person)
        trip_rules.may_manage(person, room)
        wanted = asked(ParticipantSerializer(data=request.data))
        known = Participant.objects.filter(room=room, user_id=wanted["userId"], removed_at=None).exists()
        participant = ledger.put_in(room.pk, wanted["userId"], wanted["role"], wanted["name"])
        return Response(trip_rooms.shown_participant(participant), status=200 if known else 201)


class TripParticipantView(RoomsView):
    @extend_schema(
        operation_id="trip_take_out",
        summary="Take somebody out of a room",
        description="Their sockets there end at once. For servers, owners and admins of the room, and for oneself.",
        parameters=[OpenApiParameter("user_id", location="path", description="As in `userId`.")],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, room_id: str, user_id: str) -> Response:
        person = self.person(request)
        room = room_of(room_id, person)
        if user_id != person.user_id:
            trip_rules.may_manage(person, room)
        if "\0" in user_id or not ledger.taken_out(room.pk, user_id):
            raise NotFound("They are not in this room.")
        return Response(status=204)


class TripMessagesView(RoomsView):
    @extend_schema(
        operation_id="trip_messages",
        summary="What was said in a room, oldest first",
        description="The newest page, if `before` is not given. `Link: rel=next` leads to older messages.",
        parameters=[limit_parameter(MESSAGES), BEFORE],
        responses=TripMessageSerializer(many=True),
    )
    def get(self, request: Request, room_id: str) -> Response:
        room = room_of(room_id, self.person(request))
        query = asked(MessagesQuery(data=request.query_params))
        messages, following = messages_before(room, query.get("before"), query["limit"])
        return linked_page(request, [frames.trip_message(message) for message in messages], following, {})
