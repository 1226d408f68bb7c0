"""Which language the page speaks: `lang`, else the first the browser asks for that there is, else English."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header


def page_language(request: HttpRequest) -> str:
    asked = [code for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", ""))]
    for code in [request.GET.get("lang", ""), *asked]:
        try:
            return get_supported_language_variant(code.replace("_", "-")[:35])
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
