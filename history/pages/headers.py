"""What a browser may do with these pages: run the gateway's own files, ask the gateway, and nothing else."""

from typing import TypeVar

from django.http.response import HttpResponseBase

Answer = TypeVar("Answer", bound=HttpResponseBase)

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def guarded(response: Answer) -> Answer:
    """The page or the file with its headers.

    The referrer stays within this site, where the forms need it: with none at all, a browser sends `Origin: null`,
    which the CSRF check refuses. What still has a key in its address says `no-referrer` itself.
    """
    response["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in POLICY.items())
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Content-Language"] = "en"
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response
