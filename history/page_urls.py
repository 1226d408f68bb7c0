"""The history page and what belongs to it, at /cache."""

from django.urls import path

from history.pages.exports.view import FORMATS, export
from history.pages.history_page import history_page
from history.pages.leave import leave
from history.pages.numbers import numbers_page

urlpatterns = [
    path("cache", history_page, name="cache-page"),
    path("cache/leave", leave, name="cache-leave"),
    path("cache/numbers", numbers_page, name="cache-numbers"),
    *[path(f"cache/export.{ending}", export, {"ending": ending}, f"cache-export-{ending}") for ending in FORMATS],
]
