from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from gateway_project import health

urlpatterns = [
    path("v1/", include("chatproxy.urls")),
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
