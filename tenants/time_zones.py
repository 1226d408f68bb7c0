"""Time zones by the names of the IANA database, such as Asia/Seoul."""

from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError


def validate_time_zone(name: str) -> None:
    """Raises ValidationError."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValidationError("This is not a time zone. Write it like Asia/Seoul.") from None
