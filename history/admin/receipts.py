"""Receipts of erasures: what went where, what is left, and the way to run an incomplete one again."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

from history.admin.access import OfOwnSystems
from history.admin.erase import erase_page
from history.erasure.receipt import as_text, result_of
from history.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(OfOwnSystems, ModelAdmin):
    list_display = ["user_id", "system", "begun_at", "asked_by", "result"]
    list_filter = [("system", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["user_id", "asked_by"]
    search_help_text = "Search by user id, or by who asked"
    ordering = ["-begun_at", "-pk"]
    fields = ["receipt"]
    readonly_fields = fields
    change_form_outer_after_template = "admin/history/erasure/again.html"

    @display(description="result", label={"done": "success", "partly": "danger", "interrupted": "warning"})
    def result(self, erasure: Erasure) -> str:
        return result_of(erasure)

    @admin.display(description="receipt")
    def receipt(self, erasure: Erasure) -> str:
        return format_html('<pre class="gw-receipt">{}</pre>', as_text(erasure))

    def get_urls(self) -> list[URLPattern]:
        again = path("<int:row_id>/again/", self.admin_site.admin_view(self.again), name="history_erasure_again")
        return [again, *super().get_urls()]

    def again(self, request: HttpRequest, row_id: int) -> HttpResponse:
        back = reverse("admin:history_erasure_change", args=[row_id])
        return erase_page(self, request, self.person_of(request, row_id), back=back)
