"""POST /v1/files, and attaching what was uploaded."""

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile

from dify.standin.profiles import CHAT
from dify.standin.server import StandIn
from history.models import Message, Upload
from tenants.models import System
from tests.gateway import Gateway

PIXEL = b"\x89PNG\r\n\x1a\n" + b"\0" * 60


def attached(file_id: str) -> list[dict[str, str]]:
    return [{"type": "image", "transfer_method": "local_file", "upload_file_id": file_id}]


def test_an_upload_is_described(alice: Gateway, dify: StandIn) -> None:
    response = alice.upload("픽셀 1.png", PIXEL)

    file = response.json()
    assert response.status_code == 201, response.content
    assert set(file) == {"id", "name", "size", "extension", "mime_type", "created_at"}
    assert (file["name"], file["size"], file["mime_type"]) == ("픽셀 1.png", len(PIXEL), "image/png")
    assert dify.store.uploads[file["id"]].created_by == CHAT.end_user_id("drillquiz_alice")
    assert Upload.objects.get().user_id == "alice"


def test_it_can_be_attached_by_the_same_user(alice: Gateway, dify: StandIn) -> None:
    file_id = alice.upload("a.png", PIXEL).json()["id"]

    assert alice.say("Look", files=attached(file_id)).status_code == 200
    assert dify.requests[-1].json["files"] == Message.objects.get().files == attached(file_id)


def test_another_users_file_is_refused_and_nothing_is_asked(
    alice: Gateway, bob: Gateway, charlie: Gateway, dify: StandIn
) -> None:
    """Dify itself would let anybody attach it."""
    file_id = alice.upload("a.png", PIXEL).json()["id"]
    dify.requests.clear()

    for other in (bob, charlie):
        response = other.say("Look", files=attached(file_id))
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert not dify.requests
    assert not Message.objects.exists()


def test_a_file_nobody_uploaded_here_is_refused(alice: Gateway) -> None:
    assert alice.say("Look", files=attached(str(uuid.uuid4()))).status_code == 404


def test_one_foreign_file_among_own_ones_is_refused(alice: Gateway, bob: Gateway) -> None:
    mine, theirs = (who.upload("a.png", PIXEL).json()["id"] for who in (alice, bob))

    assert alice.say("Look", files=attached(mine) + attached(theirs)).status_code == 404


def test_a_file_can_be_linked(alice: Gateway, dify: StandIn) -> None:
    link = [{"type": "image", "transfer_method": "remote_url", "url": "https://example.com/a.png"}]

    assert alice.say("Look", files=link).status_code == 200
    assert dify.requests[-1].json["files"] == link


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"type": "image", "transfer_method": "local_file"},
        {"type": "image", "transfer_method": "remote_url", "url": "file:///etc/passwd"},
        {"type": "image", "transfer_method": "remote_url", "upload_file_id": str(uuid.uuid4())},
        {"type": "virus", "transfer_method": "local_file", "upload_file_id": str(uuid.uuid4())},
        {"type": "image", "transfer_method": "local_file", "upload_file_id": "x"},
        "not an object",
    ],
)
def test_a_file_that_makes_no_sense_is_400(alice: Gateway, dify: StandIn, file: Any) -> None:
    response = alice.say("Look", files=[file])

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert not dify.requests


def test_twenty_one_files_are_too_many(alice: Gateway) -> None:
    assert alice.say("Look", files=attached(str(uuid.uuid4())) * 21).status_code == 400


def test_a_file_that_is_too_large_is_413(alice: Gateway, dify: StandIn, settings: LazySettings) -> None:
    settings.CHAT_MAX_FILE_BYTES = 1024

    for size in (1025, 200_000):
        response = alice.upload("a.png", b"x" * size)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert not dify.requests
    assert not Upload.objects.exists()


def test_a_file_that_dify_finds_too_large_is_413(alice: Gateway, settings: LazySettings) -> None:
    settings.CHAT_MAX_FILE_BYTES = 32 * 1024 * 1024
    response = alice.upload("a.png", b"x" * (10 * 1024 * 1024 + 1))

    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def post_form(gateway: Gateway, **fields: Any) -> Any:
    return gateway.client.post("/v1/files", {**gateway.identity, **fields}, headers=gateway.headers)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"file": "text, and no file"},
        {"other": SimpleUploadedFile("a.png", PIXEL)},
        {"file": [SimpleUploadedFile("a.png", PIXEL), SimpleUploadedFile("b.png", PIXEL)]},
    ],
    ids=["none", "text", "another field", "two"],
)
def test_it_takes_exactly_one_file(alice: Gateway, dify: StandIn, fields: dict[str, Any]) -> None:
    response = post_form(alice, **fields)

    assert (response.status_code, list(response.json()["errors"])) == (400, ["file"])
    assert not dify.requests


def test_an_empty_file_is_passed_on(alice: Gateway) -> None:
    assert alice.upload("empty.png", b"").status_code in (201, 400)


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "multipart/form-data"])
def test_a_body_that_is_no_form_is_400(alice: Gateway, media_type: str) -> None:
    response = alice.client.generic("POST", "/v1/files", b"{}", media_type, headers=alice.headers)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_a_broken_form_is_400(alice: Gateway) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a'
    response = alice.client.generic("POST", "/v1/files", body, "multipart/form-data; boundary=x", headers=alice.headers)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\r\nX-Evil: 1.png", "x" * 300 + ".png", "\u202egnp.exe"])
def test_a_strange_file_name_does_no_harm(alice: Gateway, dify: StandIn, name: str) -> None:
    response = alice.upload(name, PIXEL)

    assert response.status_code in (201, 400)
    assert response["Content-Type"] == "application/json"
    assert all("x-evil" not in request.headers for request in dify.requests)
    assert b"\r\nX-Evil" not in b"".join(request.body for request in dify.requests)


def test_an_upload_that_fails_is_not_recorded(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_base_url = "http://127.0.0.1:1/v1"
    drillquiz.save()

    assert alice.upload("a.png", PIXEL).status_code == 502
    assert not Upload.objects.exists()
