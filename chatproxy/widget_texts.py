"""What the widget says around the chat, in the visitor's language."""

from django.utils import translation
from django.utils.translation import gettext

ENGLISH = "en"


def texts(lang: str) -> dict[str, str]:
    """In the nearest language there is: Korean for `ko-KR`, English for one that nobody here speaks."""
    with translation.override(supported(lang)):
        return {
            "title": gettext("Chat"),
            "close": gettext("Close chat"),
            "open": gettext("Open chat"),
            "tokenError": gettext("The chat could not be opened. Please try again in a moment."),
            "loading": gettext("Opening the chat…"),
        }


def supported(lang: str) -> str:
    try:
        return translation.get_supported_language_variant(lang.replace("_", "-"))
    except LookupError:
        return ENGLISH
