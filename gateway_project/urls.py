from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from chatproxy.widget import widget
from gateway_project import guides, health
from gateway_project.intro import intro

urlpatterns = [
    path("", intro, name="intro"),
    path("guides/<str:name>", guides.guide, name="guide"),
    path("samples/<path:path>", guides.sample, name="sample"),
    path("widget.js", widget, name="widget"),
    path("", include("chatproxy.page_urls")),
    path("", include("history.page_urls")),
    path("rooms/", include("rooms.page_urls")),
    path("", include("rooms.urls")),
    path("v1/", include([path("", include("chatproxy.urls")), path("", include("history.cache.urls"))])),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "gateway_project.errors.bad_request"
handler403 = "gateway_project.errors.permission_denied"
handler404 = "gateway_project.errors.page_not_found"
handler500 = "gateway_project.errors.server_error"
