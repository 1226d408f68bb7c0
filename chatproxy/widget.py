"""GET /widget.js: the script that client systems put on their pages."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_safe

SOURCE = settings.BASE_DIR / "static" / "widget" / "widget.js"
MAX_AGE = 3600  # seconds: how long a page may still run the widget of before an upgrade


def etag(request: HttpRequest) -> str:
    return f'"{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:32]}"'


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
@condition(etag_func=etag)
def widget(request: HttpRequest) -> HttpResponse:
    # Pages that isolate themselves (COEP) may load it too.
    headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
    return HttpResponse(SOURCE.read_bytes(), content_type="text/javascript; charset=utf-8", headers=headers)
