"""`?api_key=` becomes a cookie: an hour of looking, without the key in the address, the history or a log.

The cookie holds the key's number, signed. Whether the key still lives is asked at every request.
"""

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from tenants import directory
from tenants.authentication import ApiKeyAuthentication
from tenants.errors import KeyRefused
from tenants.models import ApiKey

NAME = "history_key"
PATH = "/cache"
SALT = "history.pages.key_cookie"
SECONDS = 3600


def presented(request: HttpRequest) -> ApiKey:
    """The live secret key in the address. Raises KeyRefused, in the same words for a revoked and an unknown one."""
    return ApiKeyAuthentication().live_key(request.GET["api_key"].strip())


def remembered(request: HttpRequest) -> ApiKey | None:
    """The cookie's key, as the database has it now. Raises KeyRefused; None without a cookie."""
    signed = request.COOKIES.get(NAME)
    if not signed:
        return None
    try:
        number = int(TimestampSigner(salt=SALT).unsign(signed, max_age=SECONDS))
    except (BadSignature, ValueError):
        raise KeyRefused from None
    key = ApiKey.objects.select_related("system").filter(pk=number, kind=ApiKey.Kind.SECRET).first()
    if key is None or not key.live:
        raise KeyRefused
    directory.note_use(key)
    return key


def exchanged(request: HttpRequest, key: ApiKey) -> HttpResponse:
    """Back to the same address without the key."""
    query = request.GET.copy()
    del query["api_key"]
    response = HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)
    response["Referrer-Policy"] = "no-referrer"
    response.set_cookie(
        NAME,
        TimestampSigner(salt=SALT).sign(str(key.pk)),
        max_age=SECONDS,
        path=PATH,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return response


def forgotten(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(NAME, path=PATH, samesite="Lax")
    return response
