"""Log lines that tell where something broke, never what people said or which secret was used."""

import logging
import traceback
from types import TracebackType

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class QuietFormatter(logging.Formatter):
    """Prints a traceback's places and types but not its messages.

    An exception's message can quote anything: PostgreSQL's names the failing row, a JSON error the body.
    """

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {request_id} {name}: {message}", style="{")

    def formatException(self, ei: Raised) -> str:  # noqa: N802, the name is logging's
        lines: list[str] = []
        error = ei[1]
        while error:
            lines = [*traceback.format_tb(error.__traceback__), f"{type(error).__qualname__}\n", *lines]
            error = error.__cause__ or error.__context__
        return "".join(lines).rstrip()
