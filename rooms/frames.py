"""The frames of both contracts, exactly: what a socket is sent, and how what it sends is read."""

from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from rest_framework.exceptions import APIException, ValidationError

from rooms.models import RoomMessage
from rooms.times import iso

MAX_CLIENT_ID = 100  # characters, as the column
MAX_TIMESTAMP = 64

Frame = dict[str, Any]
Style = Callable[[RoomMessage], Frame]


class FrameInvalid(ValidationError):
    """A frame that cannot be understood; the sentence says why."""

    def __init__(self, sentence: str, code: str = "invalid") -> None:
        super().__init__(sentence, code)
        self.sentence, self.code = sentence, code


def text(frame: Frame) -> str:
    return orjson.dumps(frame).decode()


# Out ---------------------------------------------------------------------------------------------------------------


def livechat(message: RoomMessage) -> Frame:
    return {
        "type": "chat.message",
        "message": message.text,
        "sender": message.sender_email,
        "nickname": message.sender_name,
        "profile_picture_url": message.sender_profile_url,
    }


def livechat_numbered(message: RoomMessage) -> Frame:
    """For clients that come back with `since`, and so must know how far they have got."""
    return livechat(message) | {"id": message.pk}


def trip(message: RoomMessage) -> Frame:
    return {"type": "message", "roomId": str(message.room_id), "message": trip_message(message)}


def trip_message(message: RoomMessage) -> Frame:
    return {
        "id": message.pk,
        "text": message.text,
        "timestamp": timestamp(message),
        "sender": {"id": message.sender_id, "name": message.sender_name, "role": message.sender_role},
    }


def timestamp(message: RoomMessage) -> Any:
    """The client's, as it was; else ours."""
    if not message.client_time:
        return iso(message.created_at)
    return orjson.loads(message.client_time) if is_kept_as_json(message.client_time) else message.client_time


def joined(name: str) -> Frame:
    return {"type": "chat.user.join", "username": name}


def left(name: str) -> Frame:
    return {"type": "chat.user.leave", "username": name}


def error(code: str, detail: str) -> Frame:
    return {"type": "error", "code": code, "detail": detail}


def error_of(problem: APIException) -> Frame:
    return error(code_of(problem), sentence_of(problem))


def code_of(problem: APIException) -> str:
    code = getattr(problem, "code", None) or problem.get_codes()
    return code if isinstance(code, str) else "invalid"


def sentence_of(problem: APIException) -> str:
    """One sentence, also for errors that are listed by field."""
    detail: Any = problem.detail
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, dict):
            field, detail = next(iter(detail.items()))
            detail = f"{field}: {detail[0] if isinstance(detail, list) and detail else detail}"
        else:
            detail = detail[0]
    return str(detail)


# In ----------------------------------------------------------------------------------------------------------------


def parsed(text: str | None) -> Frame:
    """What a client sent, if it is a JSON object of a size that is accepted. `text` is None for a binary frame."""
    if text is None:
        raise FrameInvalid("Send text frames with JSON in them, not binary frames.")
    most = settings.ROOMS_MAX_MESSAGE_BYTES
    if len(text) > most or len(text.encode()) > most:
        raise FrameInvalid(f"This is larger than the {most:,} bytes that are accepted.", "too_large")
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise FrameInvalid("This is not valid JSON.") from None
    if not isinstance(frame, dict):
        raise FrameInvalid("This must be a JSON object.")
    return frame


def of_type(frame: Frame, expected: str) -> None:
    if "type" not in frame:
        raise FrameInvalid(f"type is missing. It must be {expected}.")
    if frame["type"] != expected:
        raise FrameInvalid(f"This type is not known. It must be {expected}.", "unknown_type")


def said(frame: Frame, name: str) -> str:
    """The text of a message, which is not blank."""
    value = frame.get(name)
    if not isinstance(value, str) or not value.strip():
        raise FrameInvalid(f"{name} is missing, or is not text.")
    if "\0" in value:
        raise FrameInvalid(f"{name} contains a NUL character.")
    return value


def client_id(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or not 0 < len(str(value)) <= MAX_CLIENT_ID:
        raise FrameInvalid(f"{name} must be text of at most {MAX_CLIENT_ID} characters.")
    if "\0" in str(value):
        raise FrameInvalid(f"{name} contains a NUL character.")
    return str(value)


def client_time(value: Any) -> str:
    """A timestamp as it is kept: text as it is, a number as JSON, so that each comes back as it was."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FrameInvalid("timestamp must be text or a number.")
    kept = value if isinstance(value, str) and not is_kept_as_json(value) else orjson.dumps(value).decode()
    if len(kept) > MAX_TIMESTAMP or "\0" in kept:
        raise FrameInvalid(f"timestamp must have at most {MAX_TIMESTAMP} characters.")
    return kept


def is_kept_as_json(text: str) -> bool:
    """Numbers, and text that could be taken for something that is kept as JSON."""
    if text.startswith('"'):
        return True
    try:
        return isinstance(orjson.loads(text), int | float)
    except orjson.JSONDecodeError:
        return False


def since(value: str | None) -> int | None:
    """The id that a client has got to; None if it names none."""
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise FrameInvalid("since must be the id of a message, or 0.")
    return int(value)
