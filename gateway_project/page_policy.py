"""What a browser may do with the gateway's own pages: show them. No script, no frame, nothing from elsewhere."""

from django.http import HttpResponse

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"


def guarded(response: HttpResponse) -> HttpResponse:
    response["Content-Security-Policy"] = f"{POLICY}; frame-ancestors 'none'"
    return response
