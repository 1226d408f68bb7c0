"""The WSGI application: which path is whose, and who may call."""

import re
from collections.abc import Callable, Iterable
from typing import NoReturn

from dify.standin import about, chatting, records, uploads
from dify.standin.call import Call
from dify.standin.exchange import Environ, RefusalError, Request, Response, StartResponse, read
from dify.standin.profiles import App
from dify.standin.world import World

Handler = Callable[..., Response]
UUID = r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"

FIXED: dict[str, dict[str, Handler]] = {
    "/v1/chat-messages": {"POST": chatting.chat_messages},
    "/v1/conversations": {"GET": records.conversations},
    "/v1/messages": {"GET": records.messages},
    "/v1/parameters": {"GET": about.parameters},
    "/v1/info": {"GET": about.info},
    "/v1/meta": {"GET": about.meta},
    "/v1/site": {"GET": about.site},
    "/v1/files/upload": {"POST": uploads.upload},
}
WITH_ID: list[tuple[re.Pattern[str], dict[str, Handler]]] = [
    (re.compile(r"/v1/chat-messages/([^/]+)/stop"), {"POST": chatting.stop}),
    (re.compile(rf"/v1/conversations/{UUID}/name"), {"POST": records.rename}),
    (re.compile(rf"/v1/conversations/{UUID}"), {"DELETE": records.delete}),
    (re.compile(rf"/v1/messages/{UUID}/feedbacks"), {"POST": records.feedback}),
    (re.compile(rf"/v1/messages/{UUID}/suggested"), {"GET": records.suggested}),
]


class Application:
    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = read(environ)
        if self.world.requests is not None:
            self.world.requests.append(request)
        try:
            response = self.answer(request)
        except RefusalError as refusal:
            response = refusal.response
        return response.send(start_response, self.world.version.headers)

    def answer(self, request: Request) -> Response:
        if request.path in ("/v1", "/v1/"):
            return self.world.version.root()
        handlers, ids = route(request.path)
        if handlers is None:
            return self.world.version.no_such_page()
        handler = handlers.get(request.method)
        if handler is None:
            return self.world.version.method_not_allowed(sorted(handlers))
        return handler(Call(self.world, request, self.authenticated(request)), *ids)

    def authenticated(self, request: Request) -> App:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if not scheme or not key:
            self.refuse(401, "unauthorized", "Authorization header must be provided and start with 'Bearer'")
        if scheme.lower() != "bearer":
            self.refuse(401, "unauthorized", "Authorization scheme must be 'Bearer'")
        app = self.world.apps.get(key.strip())
        if app is None:
            self.refuse(401, "unauthorized", "Access token is invalid")
        if not app.enabled:
            self.refuse(403, "forbidden", "The app's API service has been disabled.")
        return app

    def refuse(self, status: int, code: str, message: str) -> NoReturn:
        raise RefusalError(self.world.version.error(status, code, message))


def route(path: str) -> tuple[dict[str, Handler] | None, tuple[str, ...]]:
    if path in FIXED:
        return FIXED[path], ()
    for pattern, handlers in WITH_ID:
        if match := pattern.fullmatch(path):
            return handlers, match.groups()
    return None, ()
