"""The page that says what an erasure deletes where, and wants the user id typed before it does."""

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from history.counts import in_words, number_of
from history.erasure import run
from history.erasure.receipt import result_of
from history.erasure.upstream import BEYOND_REACH
from history.models import Erasure
from history.person import Person
from history.sync.lock import Locked

WAITS_FOR_A_SYNC = 10  # seconds


class ConfirmForm(forms.Form):
    user_id = forms.CharField(label="Type the user id to confirm", widget=UnfoldAdminTextInputWidget)

    def __init__(self, person: Person, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self._person = person
        self.fields["user_id"].widget.attrs["autocomplete"] = "off"

    def clean_user_id(self) -> str:
        typed: str = self.cleaned_data["user_id"]
        if typed.strip() != self._person.user_id.strip():
            raise ValidationError("That is not the user id. Nothing was deleted.")
        return typed


def erase_page(admin: ModelAdmin, request: HttpRequest, person: Person, back: str) -> HttpResponse:
    form = ConfirmForm(person, request.POST if request.method == "POST" else None)
    try:
        if form.is_valid():
            return erase(admin, request, person, back)
        outlook = run.outlook(person)
    except run.Unknown:  # gone, since the page was opened
        raise Http404 from None
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Erase {person.user_id}",
        "opts": admin.opts,
        "person": person,
        "outlook": outlook,
        "in_dify": number_of("conversations", len(outlook.conversation_ids)),
        "here": in_words(outlook.here),
        "beyond_reach": BEYOND_REACH,
        "form": form,
        "back": back,
    }
    return TemplateResponse(request, "admin/history/erase.html", context)


def erase(admin: ModelAdmin, request: HttpRequest, person: Person, back: str) -> HttpResponse:
    """No transaction is open here, nor a connection held, while Dify is asked."""
    try:
        receipt = run.erased(person, request.user.get_username(), wait_seconds=WAITS_FOR_A_SYNC)
    except Locked:
        messages.error(request, "Nothing was deleted, because a sync is running. Try again in a few minutes.")
        return HttpResponseRedirect(back)
    admin.log_change(request, person.system, f"Erased the user {person.user_id}: receipt {receipt.pk}")
    say(request, receipt)
    return HttpResponseRedirect(reverse("admin:history_erasure_change", args=[receipt.pk]))


def say(request: HttpRequest, receipt: Erasure) -> None:
    if result_of(receipt) == "done":
        messages.success(request, f"{receipt.user_id} is erased. This is the receipt.")
    else:
        messages.warning(
            request, f"{receipt.user_id} is not erased everywhere yet: see what is left, and run it again."
        )
