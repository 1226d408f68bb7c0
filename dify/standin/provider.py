"""The model provider behind the stand-in's apps, which does not exist, and the ways it fails."""

import json

SAYS = {
    400: ("This model's maximum context length is 4096 tokens.", "invalid_request_error"),
    401: (
        "Incorrect API key provided: sk-fake****. You can find your API key at https://example.invalid/api-keys.",
        "invalid_request_error",
    ),
    403: ("You are not allowed to use this model.", "permission_error"),
    429: ("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota"),
    500: ("The server had an error while processing your request.", "server_error"),
    503: ("The engine is currently overloaded, please try again later.", "overloaded_error"),
}


class ProviderFailedError(Exception):
    """The provider did not answer, or stopped halfway. How Dify passes that on depends on its version."""

    @property
    def detail(self) -> str:
        return str(self.args[0])


def refused(status: int) -> ProviderFailedError:
    message, kind = SAYS[status]
    error = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": kind}})
    return ProviderFailedError(f"Error: API request failed with status code {status}: {error}")


def broke_off() -> ProviderFailedError:
    return ProviderFailedError("Error: {'message': 'mid-stream provider error', 'type': 'server_error'}")
