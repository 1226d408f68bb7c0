"""What a browser may do with the chat page: run the gateway's own files, and be framed by the system's own sites."""

from collections.abc import Iterable

from django.http import HttpResponse

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def guarded(response: HttpResponse, origins: Iterable[str]) -> HttpResponse:
    """The page with its headers. `origins` may frame it; none means nobody."""
    framed_by = list(origins)
    policy = {**POLICY, "frame-ancestors": " ".join(framed_by) or "'none'"}
    response["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in policy.items())
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    # X-Frame-Options cannot name origins, so it would forbid what frame-ancestors allows.
    response.xframe_options_exempt = bool(framed_by)
    return response
