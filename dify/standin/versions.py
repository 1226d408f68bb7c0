"""Where 0.15.3 and 1.13.2 differ, except for the events of a workflow (workflow.py)."""

import json
import re
import uuid
from typing import Any

import orjson

from dify.standin import details
from dify.standin.exchange import HTML, JSON, Response
from dify.standin.problems import Problem
from dify.standin.profiles import App, stable_uuid
from dify.standin.store import Conversation, Message, Upload
from dify.standin.workflow import Workflow, Workflow0153, Workflow1132

NOT_FOUND_PAGE = b"""<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try \
again.</p>
"""


class Version:
    name: str
    workflow: Workflow
    blocking_content_type = JSON
    challenge: tuple[tuple[str, str], ...] = ()  # headers of a 401
    chatflow_pings_first: bool  # and keeps the connection a little longer after the end
    foreign_conversation_hangs: bool  # a chatflow stream, instead of the 404 of every other case
    title_before_close: bool  # a first answer's stream stays open until the conversation has its name
    failed_workflow_sends_error: bool
    takes_any_query: bool  # turns what is not a string into one, instead of refusing it
    strict_names: bool  # refuses an empty conversation name
    deletes_with = 200
    zero_price = "0E-7"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("Access-Control-Allow-Origin", "*"), ("X-Version", self.name), ("X-Env", "PRODUCTION"))

    # How it writes JSON ---------------------------------------------------------------------------------------

    def event(self, fields: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def body(self, value: Any) -> bytes:
        raise NotImplementedError

    def blocking_body(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def json(self, value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        return Response(status, self.body(value), headers=headers)

    # Errors ---------------------------------------------------------------------------------------------------

    def error(self, status: int, code: str, message: str) -> Response:
        headers = self.challenge if status == 401 else ()
        return self.json({"code": code, "message": message, "status": status}, status, headers)

    def invalid(self, problem: Problem) -> Response:
        """A field of the request is missing or wrong."""
        raise NotImplementedError

    def not_found(self, message: str, path: str) -> Response:
        return self.error(404, "not_found", message)

    def crash(self) -> Response:
        raise NotImplementedError

    def method_not_allowed(self, allowed: list[str]) -> Response:
        return self.error(405, "method_not_allowed", "The method is not allowed for the requested URL.")

    def no_such_page(self) -> Response:
        return Response(404, NOT_FOUND_PAGE, HTML)

    def no_file(self) -> Response:
        raise NotImplementedError

    def provider_failure(self, app: App, detail: str, *, blocking: bool) -> tuple[str, str]:
        """The code and message under which Dify hides what the model provider said."""
        raise NotImplementedError

    def node_failure(self, detail: str) -> str:
        """The same, as a workflow's node reports it."""
        raise NotImplementedError

    # Bodies ---------------------------------------------------------------------------------------------------

    def metadata(self, message: Message, usage: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def usage(self, query: str, answer: str, seconds: float, *, timed: bool) -> dict[str, Any]:
        asked, said = count_tokens(query), count_tokens(answer)
        return {
            "prompt_tokens": asked,
            "prompt_unit_price": "0",
            "prompt_price_unit": "0",
            "prompt_price": self.zero_price,
            "completion_tokens": said,
            "completion_unit_price": "0",
            "completion_price_unit": "0",
            "completion_price": self.zero_price,
            "total_tokens": asked + said,
            "total_price": self.zero_price,
            "currency": "USD",
            "latency": float(seconds),
        }

    def conversation_row(self, app: App, conversation: Conversation) -> dict[str, Any]:
        return {
            "id": conversation.id,
            "name": conversation.name,
            "inputs": conversation.inputs,
            "status": "normal",
            "introduction": app.opening_statement,
            "created_at": conversation.created_at,
            "updated_at": conversation.updated_at,
        }

    def message_row(self, message: Message) -> dict[str, Any]:
        return {
            "id": message.id,
            "conversation_id": message.conversation.id,
            "parent_message_id": str(uuid.UUID(int=0)),
            "inputs": message.conversation.inputs,
            "query": message.query,
            "answer": message.answer,
            "message_files": message.files,
            "feedback": {"rating": message.rating} if message.rating else None,
            "retriever_resources": message.sources,
            "created_at": message.created_at,
            "agent_thoughts": message.thoughts,
            "status": message.status,
            "error": message.error,
        }

    def files_at_end(self, app: App, message: Message) -> list[dict[str, Any]] | None:
        """What message_end says about files."""
        return [] if app.mode == "advanced-chat" else None

    def upload_row(self, upload: Upload) -> dict[str, Any]:
        return {
            "id": upload.id,
            "name": upload.name,
            "size": upload.size,
            "extension": upload.extension,
            "mime_type": upload.mime_type,
            "created_by": upload.created_by,
            "created_at": upload.created_at,
        }

    def info(self, app: App) -> dict[str, Any]:
        return {"name": app.name, "description": f"{app.name}, served by the stand-in", "tags": []}

    def site(self, app: App) -> Response:
        raise NotImplementedError

    def root(self) -> Response:
        raise NotImplementedError

    def name_without_generation(self, query: str) -> str:
        """What a conversation is called when the caller wants no generated name."""
        raise NotImplementedError


class Dify0153(Version):
    name = "0.15.3"
    workflow = Workflow0153()
    chatflow_pings_first = False
    foreign_conversation_hangs = False
    title_before_close = True
    failed_workflow_sends_error = True
    takes_any_query = True
    strict_names = False

    def event(self, fields: dict[str, Any]) -> bytes:
        return b"data: %b\n\n" % json.dumps(fields).encode()

    def body(self, value: Any) -> bytes:
        return json.dumps(value).encode() + b"\n"

    def invalid(self, problem: Problem) -> Response:
        return self.json({"code": "invalid_param", "message": problem.in_0153, "params": problem.field}, 400)

    def crash(self) -> Response:
        return self.json({"message": "Internal Server Error", "code": "unknown"}, 500)

    def method_not_allowed(self, allowed: list[str]) -> Response:
        response = super().method_not_allowed(allowed)
        response.headers = (("Allow", ", ".join(["OPTIONS", *allowed])),)
        return response

    def no_file(self) -> Response:
        message = "The browser (or proxy) sent a request that this server could not understand."
        return self.error(400, "bad_request_key_error", message)

    def provider_failure(self, app: App, detail: str, *, blocking: bool) -> tuple[str, str]:
        if app.mode == "advanced-chat":
            return "invalid_param", f"Run failed: {self.node_failure(detail)}"
        return "completion_request_error", self.node_failure(detail)

    def node_failure(self, detail: str) -> str:
        return f"[openai_api_compatible] {detail}"

    def metadata(self, message: Message, usage: dict[str, Any]) -> dict[str, Any]:
        if message.sources:
            return {"retriever_resources": message.sources, "usage": usage}
        return {"usage": usage}

    def site(self, app: App) -> Response:
        return self.no_such_page()

    def root(self) -> Response:
        return self.json({"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": self.name})

    def name_without_generation(self, query: str) -> str:
        return "New conversation"


class Dify1132(Version):
    name = "1.13.2"
    workflow = Workflow1132()
    blocking_content_type = "application/json; charset=utf-8"
    challenge = (("WWW-Authenticate", 'Bearer realm="api"'),)
    chatflow_pings_first = True
    foreign_conversation_hangs = True
    title_before_close = False
    failed_workflow_sends_error = False
    takes_any_query = False
    strict_names = True
    deletes_with = 204

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (
            *super().headers,
            ("Access-Control-Expose-Headers", "X-Env, X-Trace-Id, X-Version"),
            ("Vary", "Cookie"),
        )

    def event(self, fields: dict[str, Any]) -> bytes:
        # Raw UTF-8, U+2028 included: whoever splits lines at anything but \n will notice.
        return b"data: %b\n\n" % orjson.dumps(fields)

    def body(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode() + b"\n"

    def invalid(self, problem: Problem) -> Response:
        return self.error(400, "invalid_param", problem.in_1132())

    def not_found(self, message: str, path: str) -> Response:
        return self.error(404, "not_found", message + SUGGESTIONS.get(path, ""))

    def crash(self) -> Response:
        return self.json({"message": "Internal Server Error", "code": "unknown", "status": 500}, 500)

    def no_file(self) -> Response:
        return self.error(400, "no_file_uploaded", "Please upload your file.")

    def provider_failure(self, app: App, detail: str, *, blocking: bool) -> tuple[str, str]:
        if app.mode == "advanced-chat":
            return "invalid_param", f"Run failed: {self.node_failure(detail)}"
        return "invalid_param", self.node_failure(detail) if blocking else plugin_error(detail)

    def node_failure(self, detail: str) -> str:
        return f"req_id: {uuid.uuid4().hex[:10]} PluginInvokeError: {plugin_error(detail)}"

    def metadata(self, message: Message, usage: dict[str, Any]) -> dict[str, Any]:
        return {"annotation_reply": None, "retriever_resources": message.sources, "usage": usage}

    def usage(self, query: str, answer: str, seconds: float, *, timed: bool) -> dict[str, Any]:
        first, rest = (round(seconds / 2, 3), round(seconds / 2, 3)) if timed else (None, None)
        usage = super().usage(query, answer, seconds, timed=timed)
        return {**usage, "time_to_first_token": first, "time_to_generate": rest}

    def message_row(self, message: Message) -> dict[str, Any]:
        row = super().message_row(message)
        files, status, error = row.pop("message_files"), row.pop("status"), row.pop("error")
        return {**row, "message_files": files, "status": status, "error": error, "extra_contents": []}

    def files_at_end(self, app: App, message: Message) -> list[dict[str, Any]] | None:
        if app.mode == "chat" and message.files:
            return [details.sent_file(file) for file in message.files]
        return super().files_at_end(app, message)

    def upload_row(self, upload: Upload) -> dict[str, Any]:
        return {
            **super().upload_row(upload),
            "preview_url": None,
            "source_url": f"/files/{upload.id}/file-preview?timestamp={upload.created_at}&nonce=0&sign=0",
            "original_url": None,
            "user_id": None,
            "tenant_id": stable_uuid("tenant"),
            "conversation_id": None,
            "file_key": None,
        }

    def info(self, app: App) -> dict[str, Any]:
        return {**super().info(app), "mode": app.mode, "author_name": "stand-in"}

    def site(self, app: App) -> Response:
        return self.json({"title": app.name, **SITE})

    def root(self) -> Response:
        return self.no_such_page()

    def name_without_generation(self, query: str) -> str:
        return query if len(query) <= 50 else query[:47] + "..."


SITE = {
    "chat_color_theme": None,
    "chat_color_theme_inverted": False,
    "icon_type": "emoji",
    "icon": "🤖",
    "icon_background": "#FFEAD5",
    "description": None,
    "copyright": None,
    "privacy_policy": None,
    "custom_disclaimer": "",
    "default_language": "en-US",
    "show_workflow_steps": True,
    "use_icon_as_answer_icon": False,
    "icon_url": None,
}

# 1.13.2 takes an object that is not there for a mistyped address, and suggests others.
SUGGESTIONS = {
    "/v1/chat-messages": " You have requested this URI [/v1/chat-messages] but did you mean /v1/chat-messages or "
    "/api/chat-messages or /v1/chat-messages/<string:task_id>/stop ?",
    "/v1/conversations": " You have requested this URI [/v1/conversations] but did you mean /v1/conversations or "
    "/v1/conversations/<uuid:c_id>/variables/<uuid:variable_id> or /api/conversations ?",
    "/v1/messages": " You have requested this URI [/v1/messages] but did you mean /v1/messages or /v1/chat-messages "
    "or /api/messages ?",
}

VERSIONS: dict[str, Version] = {"0.15.3": Dify0153(), "1.13.2": Dify1132()}


def plugin_error(detail: str) -> str:
    return json.dumps({"args": {}, "error_type": "InvokeError", "message": f"[models] {detail}"})


def count_tokens(text: str) -> int:
    return len(re.findall(r"\w+", text))
