"""The contract's errors that DRF has no class for. `code` is for machines, `detail` a sentence for a person."""

from rest_framework import status
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied


class KeyRefused(AuthenticationFailed):
    default_code = "not_authenticated"
    default_detail = "This API key is not valid. It may have been mistyped, revoked, or have expired."


class TokenInvalid(AuthenticationFailed):
    default_code = "token_invalid"
    default_detail = "This token is not valid."


class TokenExpired(AuthenticationFailed):
    default_code = "token_expired"
    default_detail = "This token has expired. Ask for a new one."


class OriginNotAllowed(PermissionDenied):
    default_code = "origin_not_allowed"
    default_detail = "This origin is not among the system's allowed origins."


class NotConfigured(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "not_configured"
    default_detail = "No Dify app is configured for this system. An operator can add one in the admin."


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"This is larger than the {limit_bytes:,} bytes that are accepted.")
