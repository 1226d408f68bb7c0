"""What both lists of the Cache API can be asked for."""

import re
from datetime import date
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from history.filters import Filter
from history.search.words import MAX_CHARACTERS, MAX_WORDS, words_of
from tenants.caller import claimed_user
from tenants.calls import claims
from tenants.models import System

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DEFAULT_LIMIT, MAX_LIMIT = 100, 1000


class DayField(serializers.DateField):
    """Strictly one way of writing it: DRF's own field takes 20260101 and 2026-1-1 too."""

    default_error_messages = {"invalid": "Write a day as 2026-01-31."}

    def to_internal_value(self, value: Any) -> date:
        try:
            return date.fromisoformat(DAY.fullmatch(value)[0])  # type: ignore[index]
        except (TypeError, ValueError):
            self.fail("invalid")


class ListParameters(serializers.Serializer[Any]):
    from_date = DayField(required=False, help_text="A day of the system's time zone, as 2026-01-31; inclusive.")
    to_date = DayField(required=False, help_text="Inclusive, too.")
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_CHARACTERS,
        help_text=f"At most {MAX_WORDS} words. Each must occur in a turn's question or answer, in any case, also "
        "within a longer word.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    cursor = serializers.CharField(required=False, allow_blank=True, help_text="From the Link header.")

    def validate_q(self, value: str) -> str:
        if len(words_of(value)) > MAX_WORDS:
            raise serializers.ValidationError(f"Search for at most {MAX_WORDS} words.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from_date" in attrs and "to_date" in attrs and attrs["to_date"] < attrs["from_date"]:
            raise serializers.ValidationError({"to_date": ["This is before from_date."]})
        return attrs


class Asked:
    """A checked request: which rows, how many, from where."""

    def __init__(self, request: Request, system: System) -> None:
        given = ListParameters(data=request.query_params)
        given.is_valid(raise_exception=True)
        told = dict(given.validated_data)
        self.limit: int = told.pop("limit")
        self.cursor: str = told.pop("cursor", "")
        self.filter = Filter(systems=(system,), user_id=claimed_user(claims(request)) or "", **told)
