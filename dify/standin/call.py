"""One authenticated call: the request, the app it is for, and the ways to read fields from it.

Reading a field that is missing or wrong ends the call with the refusal the version would send.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from dify.standin import problems
from dify.standin.exchange import RefusalError, Request, Response
from dify.standin.profiles import App
from dify.standin.store import Conversation, Message
from dify.standin.versions import Version
from dify.standin.world import World

# List calls that name no user silently share this one.
DEFAULT_USER = "DEFAULT-USER"
BAD_REQUEST = "The browser (or proxy) sent a request that this server could not understand."
WRONG_TYPE = "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."


@dataclass(slots=True)
class Call:
    world: World
    request: Request
    app: App

    @property
    def version(self) -> Version:
        return self.world.version

    def refuse(self, response: Response) -> NoReturn:
        raise RefusalError(response)

    def refuse_field(self, problem: problems.Problem) -> NoReturn:
        self.refuse(self.version.invalid(problem))

    def refuse_value(self, message: str) -> NoReturn:
        self.refuse(self.version.error(400, "invalid_param", message))

    def refuse_missing(self, message: str) -> NoReturn:
        self.refuse(self.version.not_found(message, self.request.path))

    # The body -------------------------------------------------------------------------------------------------

    def json_body(self) -> dict[str, Any]:
        if not self.request.is_json:
            self.refuse(self.version.error(415, "unsupported_media_type", WRONG_TYPE))
        try:
            body = json.loads(self.request.body)
        except ValueError:
            self.refuse(self.version.error(400, "bad_request", BAD_REQUEST))
        if not isinstance(body, dict):
            self.refuse(self.version.crash())
        return body

    # The user -------------------------------------------------------------------------------------------------

    def body_user(self, body: dict[str, Any], *, required: bool = True) -> str:
        return self.user(body.get("user"), required)

    def query_user(self, *, required: bool = False) -> str:
        return self.user(self.request.query.get("user"), required)

    def user(self, named: Any, required: bool) -> str:
        user = str(named) if named else ""
        if required and not user:
            self.refuse_value("Arg user must be provided.")
        if len(user) > 255:  # does not fit the column, and nobody looked before
            self.refuse(self.version.crash())
        return user or DEFAULT_USER

    # The app --------------------------------------------------------------------------------------------------

    def expect_chat_app(self) -> None:
        if not self.app.is_chat:
            message = "Please check if your app mode matches the right API route."
            self.refuse(self.version.error(400, "not_chat_app", message))

    # Fields of the query string -------------------------------------------------------------------------------

    def limit(self, model: str) -> int:
        given = self.request.query.get("limit", "20")
        if not given.lstrip("-").isdecimal():
            self.refuse_field(problems.not_an_integer("limit", given, model))
        if not 1 <= int(given) <= 100:
            self.refuse_field(problems.out_of_range("limit", given, model, 1, 100))
        return int(given)

    def uuid(self, field: str, given: Any, model: str) -> str:
        """A UUID in its usual form, or "" where none is given."""
        if not given:
            return ""
        try:
            return str(uuid.UUID(str(given)))
        except ValueError:
            self.refuse_field(problems.not_a_uuid(field, given, model))

    # What the caller owns -------------------------------------------------------------------------------------

    def conversation(self, user: str, id: str) -> Conversation:
        found = self.world.store.conversation(self.app.id, user, id)
        return found or self.refuse_missing("Conversation Not Exists.")

    def message(self, user: str, id: str) -> Message:
        found = self.world.store.message(self.app.id, user, id)
        return found or self.refuse_missing("Message Not Exists.")
