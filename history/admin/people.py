"""Chat users: whom the ledger knows, what it keeps of them, and the way to take it out."""

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from history.admin.access import OfOwnSystems
from history.admin.erase import erase_page
from history.models import ChatUser, Conversation
from history.person import Person
from history.person_export import document


@admin.register(ChatUser)
class ChatUserAdmin(OfOwnSystems, ModelAdmin):
    list_display = ["user_id", "system", "first_seen_at", "last_seen_at", "conversations"]
    list_filter = [("system", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["user_id"]
    search_help_text = "Search by user id"
    ordering = ["-last_seen_at", "-pk"]
    fields = ["user_id", "system_name", "first_seen_at", "last_seen_at", "conversations", "turns", "uploads"]
    readonly_fields = fields
    change_form_outer_after_template = "admin/history/chatuser/actions.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatUser]:
        theirs = Conversation.objects.filter(system=OuterRef("system"), user_id=OuterRef("user_id"))
        number = theirs.order_by().values("system").annotate(number=Count("pk")).values("number")
        counted = Coalesce(Subquery(number, output_field=IntegerField()), 0)
        return super().get_queryset(request).annotate(conversation_count=counted)

    @admin.display(description="system")
    def system_name(self, user: ChatUser) -> str:
        return f"{user.system.name} ({user.system_id})"

    @admin.display(description="conversations")
    def conversations(self, user: ChatUser) -> int:
        return user.conversation_count  # type: ignore[attr-defined]

    @admin.display(description="turns")
    def turns(self, user: ChatUser) -> int:
        return Person(user.system, user.user_id).turns.count()

    @admin.display(description="uploaded files")
    def uploads(self, user: ChatUser) -> int:
        return Person(user.system, user.user_id).uploads.count()

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("<int:row_id>/export/", guarded(self.export), name="history_chatuser_export"),
            path("<int:row_id>/erase/", guarded(self.erase), name="history_chatuser_erase"),
            *super().get_urls(),
        ]

    def export(self, request: HttpRequest, row_id: int) -> HttpResponse | StreamingHttpResponse:
        person = self.person_of(request, row_id)
        if request.method != "POST":  # such as after a login in between
            return HttpResponseRedirect(page_of(row_id))
        self.log_change(request, person.system, f"Downloaded everything of the user {person.user_id}")
        headers = {"Content-Disposition": f'attachment; filename="{person.system.pk}-user-{row_id}.json"'}
        return StreamingHttpResponse(document(person), content_type="application/json", headers=headers)

    def erase(self, request: HttpRequest, row_id: int) -> HttpResponse:
        return erase_page(self, request, self.person_of(request, row_id), back=page_of(row_id))


def page_of(row_id: int) -> str:
    return reverse("admin:history_chatuser_change", args=[row_id])
