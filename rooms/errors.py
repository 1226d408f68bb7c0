"""What rooms refuse that the rest of the contract has no word for."""

from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, PermissionDenied


class NoSuchRoom(NotFound):
    default_detail = "There is no such room."


class NotInRoom(PermissionDenied):
    default_detail = "You are not in this room."


class RoomClosed(PermissionDenied):
    default_code = "room_closed"
    default_detail = "This room is closed: it can be read, but nothing can be said in it any more."


class TooManySockets(APIException):
    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_sockets"
    default_detail = "You have too many connections open in this room."
