"""Addresses that people open."""

from urllib.parse import urlencode

from django.conf import settings


def chat_link(token: str, language: str | None = None) -> str:
    query = {"token": token, "lang": language} if language else {"token": token}
    return f"{settings.PUBLIC_URL}/chat?{urlencode(query)}"
