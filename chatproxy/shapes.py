"""Shapes that several endpoints share, for validation and for the published schema."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

MAX_LIMIT = 100
DEFAULT_LIMIT = 20

IDENTITY = [
    OpenApiParameter("system_id", description="May be left out with a key of one system or a JWT."),
    OpenApiParameter("user_id", description="May be left out with a JWT."),
]
LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MAX_LIMIT}; {DEFAULT_LIMIT} if not given.")


class IdentitySerializer(serializers.Serializer[Any]):
    system_id = serializers.CharField(required=False, help_text="May be left out with a key of one system or a JWT.")
    user_id = serializers.CharField(required=False, help_text="May be left out with a JWT.")


class SuccessSerializer(serializers.Serializer[Any]):
    result = serializers.CharField(default="success")


class PageSerializer(serializers.Serializer[Any]):
    """Query parameters of a list. `last_id` and `first_id` are the rows that the page before ended with."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    last_id = serializers.UUIDField(required=False)
    first_id = serializers.CharField(required=False, max_length=64)
