"""The test page, under /rooms/."""

from django.urls import path
from django.views.generic import RedirectView

from rooms import test_page

urlpatterns = [
    path("test", RedirectView.as_view(pattern_name="rooms-test-page", query_string=True)),
    path("test/", test_page.page, name="rooms-test-page"),
    path("test/token", test_page.token, name="rooms-test-token"),
]
