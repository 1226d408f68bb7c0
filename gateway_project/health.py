"""Probes: /healthz says that the process answers, /readyz that it can also reach its database."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from gateway_project.errors import json_error


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return json_error(503, "The database cannot be reached.", "not_ready")
    return HttpResponse("ok\n", content_type="text/plain")
