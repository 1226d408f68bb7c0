"""One shape for every error of the API: `{"detail", "code", "errors"?}`, and never HTML under /v1."""

from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from dify.errors import DifyError
from gateway_project.json_codec import plain

FROM_DJANGO = {Http404: exceptions.NotFound, DjangoPermissionDenied: exceptions.PermissionDenied}
# Codes of DRF that the contract calls by another name.
CODES = {"authentication_failed": "not_authenticated", "parse_error": "invalid", "unsupported_media_type": "invalid"}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. Returns None for what is a bug, which handler500 answers."""
    if isinstance(error, DifyError):
        return Response(error.shown, status=error.http_status)
    for django_error, ours in FROM_DJANGO.items():
        if isinstance(error, django_error):
            error = ours()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    return Response(body(error), status=status(error), headers=headers(error))


def body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return invalid(error.detail)
    code = str(error.get_codes())
    return {"detail": str(error.detail), "code": CODES.get(code, code)}


def invalid(detail: Any) -> dict[str, Any]:
    errors = detail if isinstance(detail, dict) else {"non_field_errors": detail}
    field, messages = next(iter(errors.items()))
    first = messages[0] if isinstance(messages, list) else messages
    sentence = f"{field}: {first}" if isinstance(first, str) else f"{field} is not valid."
    return {"detail": sentence, "code": "invalid", "errors": errors}


def status(error: exceptions.APIException) -> int:
    """The contract knows no 415: a body of another type is a bad request like any other."""
    return 400 if isinstance(error, exceptions.UnsupportedMediaType) else error.status_code


def headers(error: exceptions.APIException) -> dict[str, str]:
    given = {"WWW-Authenticate": getattr(error, "auth_header", None), "Retry-After": getattr(error, "wait", None)}
    return {name: str(value) for name, value in given.items() if value}


def json_error(status: int, detail: str, code: str) -> HttpResponse:
    return HttpResponse(plain({"detail": detail, "code": code}), status=status, content_type="application/json")


def wants_json(request: HttpRequest) -> bool:
    """Under the addresses of the contracts. Those of pages are among them: /rooms/test/ is no room's."""
    path = f"{request.path}/"
    return path.startswith(("/v1/", "/chat/v1/", "/rooms/")) and not path.startswith("/rooms/test/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return json_error(400, "This request cannot be understood.", "invalid")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return json_error(403, "You may not do this.", "permission_denied")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return json_error(404, "There is nothing at this address.", "not_found")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        return json_error(500, "Something broke on our side. The request id says where to look.", "server_error")
    return defaults.server_error(request)
