"""The list of rooms, and the page of one: who is in it, what was said, and the buttons for both."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from rooms.admin import actions
from rooms.admin.access import ForOperatorsOfItsSystem
from rooms.admin.filters import OwnSystems, State
from rooms.models import Participant, Room, RoomMessage
from tenants.admin.access import systems_of
from tenants.admin.all_keys import moment

PAGE = 50  # messages
MOST_PEOPLE = 500

View = Callable[..., HttpResponse]


@admin.register(Room)
class RoomAdmin(ForOperatorsOfItsSystem, ModelAdmin):
    list_display = ["room", "system", "people", "said", "newest", "state"]
    list_filter = [OwnSystems, State]
    list_select_related = ["system"]
    search_fields = ["name", "post_id", "trip_id", "participants__user_id"]
    search_help_text = "Name, id, post, trip, or a user id"
    ordering = ["-created_at", "-id"]
    actions = None
    fields = ["name", "system", "id", "post_id", "trip_id", "members_only", "created_at", "state"]
    readonly_fields = fields
    compressed_fields = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        newest = RoomMessage.objects.filter(pk=OuterRef("last_message")).values("created_at")
        return Room.objects.filter(system__in=systems_of(request.user)).annotate(
            people_count=count_of(Participant), message_count=count_of(RoomMessage), newest_at=Subquery(newest[:1])
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Room], search_term: str) -> Any:
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    # The list -------------------------------------------------------------------------------------------------

    @admin.display(description="room", ordering="name")
    def room(self, room: Room) -> str:
        return room.name or (f"trip {room.trip_id}" if room.trip_id else str(room.pk))

    @admin.display(ordering="people_count")
    def people(self, room: Room) -> int:
        return room.people_count  # type: ignore[attr-defined]  # annotated

    @admin.display(description="messages", ordering="message_count")
    def said(self, room: Room) -> int:
        return room.message_count  # type: ignore[attr-defined]  # annotated

    @admin.display(ordering="newest_at")
    def newest(self, room: Room) -> str:
        newest_at: datetime | None = room.newest_at  # type: ignore[attr-defined]  # annotated
        return moment(newest_at) if newest_at else "–"

    @display(description="state", ordering="closed_at", label={"open": "success", "closed": "danger"})
    def state(self, room: Room) -> str:
        return "closed" if room.closed_at else "open"

    # The page of a room ---------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        if request.method == "POST":  # there is nothing to fill in: the buttons have addresses of their own
            return HttpResponseRedirect(request.path)
        room = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(sections(room, request) if room else {})}
        return super().change_view(request, object_id, form_url, context)

    # The buttons ----------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        return [
            self.button("close/", actions.close, "close"),
            self.button("reopen/", actions.reopen, "reopen"),
            self.button("participants/<int:participant_id>/take-out/", actions.take_out, "take_out"),
            self.button("participants/<int:participant_id>/let-in/", actions.let_in_again, "let_in"),
            self.button("messages/<int:message_id>/remove/", actions.remove, "remove"),
            *super().get_urls(),
        ]

    def button(self, route: str, view: View, name: str) -> URLPattern:
        """An address below a room's, for those who look after its system. Somebody else's room is not found."""

        def guarded(request: HttpRequest, room_id: UUID, **found: Any) -> HttpResponse:
            room = self.get_object(request, str(room_id))
            if room is None or not self.has_change_permission(request, room):
                raise Http404
            return view(self, request, room, **found)

        return path(f"<uuid:room_id>/{route}", self.admin_site.admin_view(guarded), name=f"rooms_room_{name}")

    def back_to(self, room: Room) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.page_of(room))

    def page_of(self, room: Room) -> str:
        return reverse("admin:rooms_room_change", args=[room.pk])


def count_of(model: type[Participant] | type[RoomMessage]) -> Coalesce:
    """Of those that were not taken out, or not removed."""
    there = model._default_manager.filter(room=OuterRef("pk"), removed_at=None).order_by()
    counted = there.values("room").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def sections(room: Room, request: HttpRequest) -> dict[str, Any]:
    """What stands below the fields: people, and a page of messages, the newest last."""
    said = RoomMessage.objects.filter(room=room)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        said = said.filter(pk__lt=int(before))
    page = list(said.order_by("-pk")[: PAGE + 1])
    return {
        "participants": room.participants.order_by("removed_at", "joined_at", "pk")[:MOST_PEOPLE],
        "said": page[:PAGE][::-1],
        "older": page[PAGE - 1].pk if len(page) > PAGE else None,
        "not_the_newest": bool(before),
    }
