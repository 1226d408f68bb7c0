"""What can go wrong with Dify, in types. `str(error)` is a sentence that is safe to show to anybody.

Dify's own message is kept apart in `message`: it may quote a provider's key or what somebody said, so it is
neither shown nor logged.
"""


class DifyError(Exception):
    """Dify did not do what it was asked. `code` is Dify's machine word, `status` its HTTP status, where known.

    `http_status` and `word` are what our own callers get to see.
    """

    http_status = 502
    word = "upstream_error"
    detail = "Dify could not answer."

    def __init__(self, detail: str = "", *, code: str = "", status: int = 0, message: str = "") -> None:
        super().__init__(detail or self.detail)
        self.code = code
        self.status = status
        self.message = message

    @property
    def shown(self) -> dict[str, str]:
        """The body of our answer; Dify's own code only where Dify is to blame."""
        answer = {"detail": str(self), "code": self.word}
        return answer | ({"dify_code": self.code} if self.code and self.http_status == 502 else {})


class DifyUnreachable(DifyError):
    """No connection, or one that broke before an answer came."""

    detail = "Dify cannot be reached."


class DifyUntrusted(DifyUnreachable):
    """The certificate is not valid for this address."""

    detail = "Dify's certificate is not trusted."


class DifyForbiddenAddress(DifyUnreachable):
    """The base URL leads to an address the gateway refuses to speak to."""

    detail = "Dify's address is not allowed."


class DifyTimeout(DifyError):
    """Silence for too long, or a turn that took too long in all."""

    http_status = 504
    word = "upstream_timeout"
    detail = "Dify took too long to answer."


class DifyBroken(DifyError):
    """An answer that is no answer: HTML, half a stream, a line without end, a redirect."""

    detail = "Dify's answer cannot be understood."


class DifyMoved(DifyBroken):
    """A redirect. It is not followed, since the key would go along; `location` says where it leads."""

    detail = "Dify's address redirects to another one."

    def __init__(self, location: str, *, status: int) -> None:
        super().__init__(status=status)
        self.location = location


class DifyAnswerTooLarge(DifyError):
    """An answer beyond the cap; what came before it is kept."""

    detail = "Dify's answer is larger than the gateway accepts."


class DifyRefused(DifyError):
    """Dify said no: 4xx or 5xx with a code, or an `error` event in a stream."""

    detail = "Dify refused the request."


class DifyMissing(DifyRefused):
    """404 for a conversation, message or file: deleted, never there, or somebody else's."""

    http_status = 404
    word = "not_found"
    detail = "There is no such object."


class DifyTooLarge(DifyRefused):
    """413 for an upload."""

    http_status = 413
    word = "too_large"
    detail = "Dify does not accept a file this large."


class DifyInvalid(DifyRefused):
    """400 for a parameter of a call that is no chat turn."""

    http_status = 400
    word = "invalid"
    detail = "Dify does not accept this value."
