"""What Dify has said so far in one turn, put together from the events of either version and any app kind."""

from typing import Any

from dify.errors import DifyAnswerTooLarge, DifyRefused

FAILED_WORKFLOW = ("failed", "exception")


class Reply:
    """Feed it every event with `take`. `ended` says that the turn is over; `refusal` that it failed."""

    def __init__(self, max_answer_bytes: int) -> None:
        self.conversation_id = ""
        self.message_id = ""
        self.task_id = ""
        self.created_at = 0  # Unix seconds
        self.metadata: dict[str, Any] = {}
        self.model = ""  # which wrote the answer, as far as Dify says; only workflows do
        self.ended = False
        self.paused = False
        self.workflow_status = ""
        self.refusal: DifyRefused | None = None
        self._parts: list[str] = []
        self._bytes = 0
        self._max_answer_bytes = max_answer_bytes
        self._agent_spoke = False

    @property
    def answer(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def named(self) -> bool:
        """Dify has given the turn its ids."""
        return bool(self.conversation_id and self.message_id)

    @property
    def winding_up(self) -> bool:
        """The workflow came to no good end; an event that says more may follow, or nothing at all."""
        return self.workflow_status in (*FAILED_WORKFLOW, "stopped")

    def take(self, event: dict[str, Any]) -> None:
        """Raises DifyAnswerTooLarge once the answer passes the cap; what came before is kept."""
        if not self.task_id or not self.named:
            self._note_ids(event)
        if reader := READERS.get(event["event"]):
            reader(self, event)

    def _note_ids(self, event: dict[str, Any]) -> None:
        for field in ("conversation_id", "message_id", "task_id"):
            value = event.get(field)
            if isinstance(value, str) and value:
                setattr(self, field, value)
        created_at = event.get("created_at")
        self.created_at = self.created_at or (created_at if isinstance(created_at, int) else 0)

    def _append(self, event: dict[str, Any]) -> None:
        text = event.get("answer")
        if not isinstance(text, str) or not text:
            return
        self._bytes += len(text.encode(errors="replace"))
        if self._bytes > self._max_answer_bytes:
            raise DifyAnswerTooLarge
        self._parts.append(text)

    def _replace(self, event: dict[str, Any]) -> None:
        if isinstance(event.get("answer"), str):
            self._parts, self._bytes = [], 0
            self._append(event)

    def _message(self, event: dict[str, Any]) -> None:
        # A new-style agent streams agent_message chunks and then repeats the whole answer in one message.
        (self._replace if self._agent_spoke else self._append)(event)

    def _agent_message(self, event: dict[str, Any]) -> None:
        self._agent_spoke = True
        self._append(event)

    def _message_end(self, event: dict[str, Any]) -> None:
        metadata = event.get("metadata")
        self.metadata = metadata if isinstance(metadata, dict) else {}
        self.ended = True

    def _error(self, event: dict[str, Any]) -> None:
        status = event.get("status")
        self.refusal = DifyRefused(
            "Dify could not finish this answer.",
            code=str(event.get("code") or ""),
            status=status if isinstance(status, int) else 0,
            message=str(event.get("message") or ""),
        )
        self.ended = True

    def _node_finished(self, event: dict[str, Any]) -> None:
        data = event.get("data")
        process = data.get("process_data") if isinstance(data, dict) else None
        model = process.get("model_name") if isinstance(process, dict) else None
        self.model = model if isinstance(model, str) and model else self.model

    def _workflow_finished(self, event: dict[str, Any]) -> None:
        data = event.get("data")
        self.workflow_status = str(data.get("status") or "") if isinstance(data, dict) else ""
        if self.workflow_status in FAILED_WORKFLOW:
            # 1.13 says no more than this; 0.15 adds an error event, whose code then takes this one's place.
            self.refusal = DifyRefused("Dify could not finish this answer.", code="workflow_failed")

    def _paused(self, event: dict[str, Any]) -> None:
        self.paused = self.ended = True


READERS = {
    "message": Reply._message,
    "agent_message": Reply._agent_message,
    "message_replace": Reply._replace,
    "message_end": Reply._message_end,
    "error": Reply._error,
    "node_finished": Reply._node_finished,
    "workflow_finished": Reply._workflow_finished,
    "workflow_paused": Reply._paused,
}
