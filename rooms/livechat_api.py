"""The LiveChat contract over HTTP: /chat/v1/. Rooms are open to everybody of the system."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from history.links import linked_page
from rooms import ledger, sending
from rooms.authentication import RoomsView
from rooms.models import Room, RoomMessage
from rooms.reading import (
    BEFORE,
    MOST,
    ROOMS,
    MessagesQuery,
    RoomsQuery,
    asked,
    limit_parameter,
    messages_before,
    room_of,
    rooms_of,
    uuid_of,
)
from rooms.times import iso

ABOUT_IDENTITY = "Behind a trusted gateway the identity stands in the address: user_id, nickname, email, profile_url."


class LiveChatRoomSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    post_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class LiveChatMessageSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    room = serializers.UUIDField()
    message = serializers.CharField()
    sender = serializers.CharField(help_text="The sender's email.")
    nickname = serializers.CharField()
    profile_picture_url = serializers.CharField()
    created_at = serializers.DateTimeField()


class LiveChatRoomWithMessagesSerializer(LiveChatRoomSerializer):
    messages = LiveChatMessageSerializer(many=True)


class NewLiveChatRoomSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    post_id = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class NewLiveChatMessageSerializer(serializers.Serializer[Any]):
    message = serializers.CharField(trim_whitespace=False)
    room = serializers.CharField(max_length=64)
    client_id = serializers.CharField(
        max_length=100, required=False, allow_null=True, default=None, help_text="Yours: sent twice, it is said once."
    )

    def validate_message(self, text: str) -> str:
        if not text.strip():
            raise serializers.ValidationError("This field may not be blank.")
        return text


class LiveChatRoomsView(RoomsView):
    @extend_schema(
        operation_id="livechat_rooms",
        summary="List rooms, newest first",
        description="`Link: rel=next` leads to older ones. " + ABOUT_IDENTITY,
        parameters=[limit_parameter(ROOMS), OpenApiParameter("last_id", description="Continue after this one.")],
        responses=LiveChatRoomSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        query = asked(RoomsQuery(data=request.query_params))
        rooms, following = rooms_of(self.person(request), query.get("last_id"), query["limit"])
        return linked_page(request, [shown(room) for room in rooms], following, {})


class LiveChatCreateRoomView(RoomsView):
    @extend_schema(
        operation_id="livechat_create_room",
        summary="Create a room",
        request=NewLiveChatRoomSerializer,
        responses={201: LiveChatRoomSerializer},
    )
    def post(self, request: Request) -> Response:
        person = self.person(request)
        room = Room.objects.create(system=person.system, **asked(NewLiveChatRoomSerializer(data=request.data)))
        if person.user_id and not person.service:
            ledger.note_participant(room, person)
        return Response(shown(room), status=201)


class LiveChatRoomView(RoomsView):
    @extend_schema(
        operation_id="livechat_room",
        summary="A room with its messages",
        description=f"The newest {MOST}, oldest first. `Link: rel=next` leads to older ones.",
        parameters=[BEFORE],
        responses=LiveChatRoomWithMessagesSerializer,
    )
    def get(self, request: Request, room_id: str) -> Response:
        room = room_of(room_id, self.person(request))
        query = asked(MessagesQuery(data=request.query_params))
        messages, following = messages_before(room, query.get("before"), MOST)
        page = linked_page(request, [], following, {})
        page.data = {**shown(room), "messages": [shown_message(message) for message in messages]}
        return page


class LiveChatMessageView(RoomsView):
    @extend_schema(
        operation_id="livechat_send",
        summary="Say something in a room",
        description="Whoever is connected gets it at once. 200 instead of 201: this client_id has said it before.",
        request=NewLiveChatMessageSerializer,
        responses={201: LiveChatMessageSerializer, 200: LiveChatMessageSerializer},
    )
    def post(self, request: Request) -> Response:
        wanted = asked(NewLiveChatMessageSerializer(data=request.data))
        message, new = sending.sent(
            uuid_of(wanted["room"]), self.person(request), wanted["message"], wanted["client_id"]
        )
        return Response(shown_message(message), status=201 if new else 200)


def shown(room: Room) -> dict[str, Any]:
    return {
        "id": str(room.pk),
        "name": room.name,
        "post_id": room.post_id,
        "created_at": iso(room.created_at),
        "closed_at": iso(room.closed_at),
    }


def shown_message(message: RoomMessage) -> dict[str, Any]:
    return {
        "id": message.pk,
        "room": str(message.room_id),
        "message": message.text,
        "sender": message.sender_email,
        "nickname": message.sender_name,
        "profile_picture_url": message.sender_profile_url,
        "created_at": iso(message.created_at),
    }
