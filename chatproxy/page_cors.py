"""The chat page in a sandboxed frame: there the browser gives it no origin, so even its own gateway is foreign.

Its calls then carry `Origin: null`. They are answered, because what they prove themselves with is the token and
nothing that a browser sends by itself: who has a token can use it from anywhere anyway. Keys are not accepted so.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

NO_ORIGIN = "null"
PAGES_CALLS = ("/v1/", "/chat/")
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "authorization, content-type, accept",
    "Access-Control-Max-Age": "600",
}


class SandboxedPageMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("Origin") != NO_ORIGIN or not request.path_info.startswith(PAGES_CALLS):
            return self.get_response(request)
        response = HttpResponse(status=204, headers=PREFLIGHT) if is_preflight(request) else self.get_response(request)
        if is_preflight(request) or by_token(request):
            response["Access-Control-Allow-Origin"] = NO_ORIGIN
            response["Access-Control-Expose-Headers"] = "Link, Retry-After, X-Request-ID"
        return response


def is_preflight(request: HttpRequest) -> bool:
    asked = request.headers.get("Access-Control-Request-Headers", "").lower()
    return request.method == "OPTIONS" and "authorization" in asked and "x-api-key" not in asked


def by_token(request: HttpRequest) -> bool:
    return "Authorization" in request.headers and "X-API-Key" not in request.headers
