"""Both contracts over HTTP, each with the addresses as it writes them; a slash too many or too few does no harm."""

from django.urls import URLPattern, path
from rest_framework.views import APIView

from rooms import livechat_api as livechat
from rooms import trip_api as trip


def both(route: str, view: type[APIView], name: str) -> list[URLPattern]:
    """As written, and with or without its last slash; the second is not in the published schema."""
    other = route.removesuffix("/") if route.endswith("/") else f"{route}/"
    return [path(route, view.as_view(), name=name), path(other, view.as_view(schema=None))]


urlpatterns = [
    *both("chat/v1/rooms/", livechat.LiveChatRoomsView, "livechat-rooms"),
    *both("chat/v1/create-room/", livechat.LiveChatCreateRoomView, "livechat-create-room"),
    *both("chat/v1/room/<str:room_id>/", livechat.LiveChatRoomView, "livechat-room"),
    *both("chat/v1/message/", livechat.LiveChatMessageView, "livechat-message"),
    *both("rooms", trip.TripRoomsView, "trip-rooms"),
    *both("rooms/<str:room_id>/participants", trip.TripParticipantsView, "trip-participants"),
    path(
        "rooms/<str:room_id>/participants/<path:user_id>", trip.TripParticipantView.as_view(), name="trip-participant"
    ),
    *both("rooms/<str:room_id>/messages", trip.TripMessagesView, "trip-messages"),
]
