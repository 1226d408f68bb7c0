"""What the buttons of a room's page do. What cannot be taken back, or hits somebody, asks first.

A button leads to its page by GET and is pressed there by POST. What is logged names people and numbers of messages,
never what was said.
"""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from rooms import moderation
from rooms.models import Room

if TYPE_CHECKING:
    from rooms.admin.rooms import RoomAdmin


def close(admin: "RoomAdmin", request: HttpRequest, room: Room) -> HttpResponse:
    if request.method != "POST":
        explanation = "Nothing can be said in it any more. What was said stays, and those in it can still read it."
        return asked_first(admin, request, room, "Close this room?", explanation, "Close the room")
    return done(admin, request, room, moderation.close(room), "Closed the room")


def reopen(admin: "RoomAdmin", request: HttpRequest, room: Room) -> HttpResponse:
    if request.method != "POST":
        return admin.back_to(room)
    return done(admin, request, room, moderation.reopen(room), "Reopened the room")


def take_out(admin: "RoomAdmin", request: HttpRequest, room: Room, participant_id: int) -> HttpResponse:
    participant = get_object_or_404(room.participants, pk=participant_id)
    if request.method != "POST":
        explanation = "Their connections end at once, and they find the room no more until you let them in again."
        return asked_first(admin, request, room, f"Take {participant.user_id} out?", explanation, "Take them out")
    return done(admin, request, room, moderation.take_out(participant), f"Took out {participant.user_id}")


def let_in_again(admin: "RoomAdmin", request: HttpRequest, room: Room, participant_id: int) -> HttpResponse:
    participant = get_object_or_404(room.participants, pk=participant_id)
    if request.method != "POST":
        return admin.back_to(room)
    return done(admin, request, room, moderation.let_in_again(participant), f"Let in {participant.user_id} again")


def remove(admin: "RoomAdmin", request: HttpRequest, room: Room, message_id: int) -> HttpResponse:
    message = get_object_or_404(room.messages, pk=message_id)
    if request.method != "POST":
        explanation = "Its words are deleted for good. Who has them on their screen already keeps them there."
        return asked_first(admin, request, room, f"Remove message {message.pk}?", explanation, "Remove the message")
    return done(admin, request, room, moderation.remove(message), f"Removed message {message.pk}")


def asked_first(
    admin: "RoomAdmin", request: HttpRequest, room: Room, title: str, explanation: str, button: str
) -> HttpResponse:
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "opts": admin.opts,
        "explanation": explanation,
        "button": button,
        "back": admin.page_of(room),
    }
    return TemplateResponse(request, "admin/rooms/room/confirm.html", context)


def done(admin: "RoomAdmin", request: HttpRequest, room: Room, changed: bool, sentence: str) -> HttpResponse:
    """Pressed twice, or by two people, it is done once."""
    if changed:
        admin.log_change(request, room, sentence)
        messages.success(request, f"{sentence}.")
    else:
        messages.info(request, "That was done before.")
    return admin.back_to(room)
