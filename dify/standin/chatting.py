"""POST /chat-messages and its stop: from the request to the turn that answers it."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import chain
from typing import Any

import gevent

from dify.standin import answers, details, problems, streams, trouble
from dify.standin.call import Call
from dify.standin.exchange import EVENTS, HTML, CutError, Response
from dify.standin.profiles import Input
from dify.standin.provider import ProviderFailedError
from dify.standin.store import Conversation
from dify.standin.turns import PING, Turn

MODEL = "ChatRequestPayload"
MODES = ("blocking", "streaming")
PROXY_PAGE = (
    b"<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<h1>502 Bad Gateway</h1>\n</body>\n</html>\n"
)
BUSY = "Too many requests. Please try again later. The current maximum concurrent requests allowed for you is 10."
CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "too_many_requests"}


def chat_messages(call: Call) -> Response:
    body = call.json_body()
    user = call.body_user(body)
    call.expect_chat_app()
    query, streaming = checked(call, body)
    refuse_on_purpose(call, query)
    if not query:
        call.refuse_value("query is required")
    conversation_id = call.uuid("conversation_id", body.get("conversation_id"), MODEL)
    if streaming and conversation_id and is_foreign_chatflow(call, user, conversation_id):
        return Response(body=ping_and_silence(call), content_type=EVENTS)
    if not streaming and call.app.mode == "agent-chat":
        call.refuse_value("Agent Chat App does not support blocking mode")
    turn = new_turn(call, body, user, query, conversation_id)
    if streaming:
        return Response(body=streams.stream(turn), content_type=EVENTS)
    return blocking(call, turn)


def stop(call: Call, task_id: str) -> Response:
    """Always a success, also for a task that is unknown or somebody else's; then it does nothing."""
    user = call.body_user(call.json_body())
    call.expect_chat_app()
    turn = call.world.running.get(task_id)
    if turn and (turn.app, turn.user) == (call.app, user):
        turn.stop()
    return call.version.json({"result": "success"})


# Checking -----------------------------------------------------------------------------------------------------


def checked(call: Call, body: dict[str, Any]) -> tuple[str, bool]:
    """The query and whether a stream is wanted; the fields are looked at in Dify's order."""
    check_inputs(call, body)
    query = checked_query(call, body)
    mode = body.get("response_mode") or "blocking"
    if mode not in MODES:
        call.refuse_field(problems.not_a_choice("response_mode", mode, MODEL, MODES))
    call.uuid("conversation_id", body.get("conversation_id"), MODEL)
    return query, mode == "streaming"


def check_inputs(call: Call, body: dict[str, Any]) -> None:
    if "inputs" not in body:
        call.refuse_field(problems.missing("inputs", MODEL))
    if not isinstance(body["inputs"], dict):
        call.refuse_field(problems.not_a_dictionary("inputs", body["inputs"], MODEL))


def checked_query(call: Call, body: dict[str, Any]) -> str:
    query = body.get("query")
    if query is None:
        call.refuse_field(problems.missing("query", MODEL))
    if isinstance(query, str):
        return query
    if not call.version.takes_any_query:
        call.refuse_field(problems.not_a_string("query", query, MODEL))
    return str(query)


def refuse_on_purpose(call: Call, query: str) -> None:
    """Trouble words that leave no stream to speak of."""
    wanted = trouble.in_query(query)
    if "drop" in wanted:
        raise CutError
    if "html" in wanted:
        call.refuse(Response(502, PROXY_PAGE, HTML))
    if "busy" in wanted:
        call.refuse_value(BUSY)
    if "http" in wanted:
        refuse_with_status(call, int(wanted.number("http")))


def refuse_with_status(call: Call, status: int) -> None:
    if status == 500 or status < 400 or status not in set(HTTPStatus):
        call.refuse(call.version.crash())
    code = CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
    call.refuse(call.version.error(status, code, f"Status {status}, on purpose."))


def is_foreign_chatflow(call: Call, user: str, conversation_id: str) -> bool:
    if call.app.mode != "advanced-chat" or not call.version.foreign_conversation_hangs:
        return False
    return call.world.store.conversation(call.app.id, user, conversation_id) is None


def ping_and_silence(call: Call) -> Iterator[bytes]:
    yield PING
    gevent.sleep(call.world.tempo.seconds(call.world.tempo.silence))


# A new turn ---------------------------------------------------------------------------------------------------


def new_turn(call: Call, body: dict[str, Any], user: str, query: str, conversation_id: str) -> Turn:
    found = call.conversation(user, conversation_id) if conversation_id else None
    inputs = found.inputs if found else form_values(call, body["inputs"])
    files = [attached(call, file) for file in body.get("files") or []]
    if not call.app.has_credentials:
        message = "Model gpt-4o credentials is not initialized."
        call.refuse(call.version.error(400, "provider_not_initialize", message))
    conversation = found or call.world.store.add_conversation(call.app.id, user, inputs)
    return begin(call, conversation, query, files, wants_title=body.get("auto_generate_name") is not False)


def begin(
    call: Call, conversation: Conversation, query: str, files: list[dict[str, Any]], *, wants_title: bool
) -> Turn:
    message = call.world.store.add_message(conversation, query)
    message.files.extend(files)
    return Turn(call.world, call.app, message, wants_title=wants_title)


def form_values(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    """The values of the app's own form; whatever else was sent is dropped."""
    return {field.variable: form_value(call, field, given.get(field.variable)) for field in call.app.inputs}


def form_value(call: Call, field: Input, value: Any) -> Any:
    name = field.variable
    if value in (None, ""):
        if field.required:
            call.refuse_value(f"{name} is required in input form")
        return None
    if not isinstance(value, str):
        call.refuse_value(f"(type 'text-input') {name} in input form must be a string")
    if field.options and value not in field.options:
        call.refuse_value(f"{name} in input form must be one of the following: {list(field.options)}")
    if len(value) > field.max_length:
        call.refuse_value(f"{name} in input form must be less than {field.max_length} characters")
    return value


def attached(call: Call, file: Any) -> dict[str, Any]:
    """An uploaded file is not tied to a user: whoever knows its id can attach it."""
    if not isinstance(file, dict):
        call.refuse_value("Invalid file")
    if file.get("transfer_method") == "remote_url":
        return details.linked(str(file.get("type")), str(file.get("url")))
    upload = call.world.store.uploads.get(str(file.get("upload_file_id")))
    if upload is None:
        call.refuse_value("Invalid upload file id format")
    return details.attached(upload)


# Blocking -----------------------------------------------------------------------------------------------------


def blocking(call: Call, turn: Turn) -> Response:
    """Nothing is sent before the end; what goes wrong on the way is an HTTP status."""
    try:
        for _ in chain(turn.before_first_token(), streams.midway(turn)):
            pass
    except ProviderFailedError as failure:
        code, message = call.version.provider_failure(call.app, failure.detail, blocking=True)
        turn.fail(message)
        call.refuse(call.version.error(400, code, message))
    if not turn.replaced:
        number = len(turn.message.conversation.messages) - 1
        turn.said.append(call.app.before + answers.answer(turn.message.query, turn.trouble, number) + call.app.after)
    turn.finish()
    return Response(body=call.version.blocking_body(whole(turn)), content_type=call.version.blocking_content_type)


def whole(turn: Turn) -> dict[str, Any]:
    usage = turn.usage(timed=turn.app.mode == "advanced-chat")
    return {
        "event": "message",
        "task_id": turn.task_id,
        "id": turn.message.id,
        "message_id": turn.message.id,
        "conversation_id": turn.message.conversation.id,
        "mode": turn.app.mode,
        "answer": turn.message.answer,
        "metadata": turn.world.version.metadata(turn.message, usage),
        "created_at": turn.message.created_at,
    }
