"""A client of the gateway, as an integrating developer would write one, over Django's test client."""

import json
from typing import Any

from django.test import Client

from dify.client import parsed
from dify.sse import EventReader


class Gateway:
    def __init__(self, headers: dict[str, str], **identity: str) -> None:
        self.headers = headers
        self.identity = identity
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, {**self.identity, **query}, headers=self.headers)

    def post(self, path: str, **body: Any) -> Any:
        return self.send("POST", path, {**self.identity, **body})

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path, self.identity)

    def send(self, method: str, path: str, body: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.generic(method, path, data, "application/json", headers=self.headers)

    def say(self, message: str, **more: Any) -> Any:
        return self.post("/v1/chat", message=message, **more)

    def stream(self, message: str, **more: Any) -> list[dict[str, Any]]:
        """The events of a streamed turn, comments left out."""
        response = self.say(message, response_mode="streaming", **more)
        assert response.status_code == 200, response.content
        return events_of(b"".join(response.streaming_content))

    def upload(self, name: str, content: bytes) -> Any:
        from django.core.files.uploadedfile import SimpleUploadedFile

        body = {**self.identity, "file": SimpleUploadedFile(name, content, "image/png")}
        return self.client.post("/v1/files", body, headers=self.headers)


def events_of(stream: bytes) -> list[dict[str, Any]]:
    reader = EventReader()
    return [parsed(event)[0] for event in [*reader.feed(stream), *reader.end()]]
