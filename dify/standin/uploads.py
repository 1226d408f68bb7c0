"""POST /files/upload. The files are measured, never kept."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from dify.standin.call import Call
from dify.standin.exchange import Environ, Response
from dify.standin.profiles import SYSTEM_PARAMETERS

MEGABYTE = 1024 * 1024


class MeasuringHandler(FileUploadHandler):
    """Lets the bytes pass and counts them."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        return None

    def file_complete(self, file_size: int) -> UploadedFile:
        return UploadedFile(None, self.file_name, self.content_type, file_size, self.charset)


def upload(call: Call) -> Response:
    fields, files = parts(call.request.environ)
    user = call.user(fields.get("user"), required=False)
    file = files.get("file")
    if file is None:
        call.refuse(call.version.no_file())
    if len(files) > 1:
        call.refuse(call.version.error(400, "too_many_files", "Only one file is allowed."))
    kind, size = file.content_type or "application/octet-stream", file.size or 0
    if size > size_limit(kind):
        call.refuse(call.version.error(413, "file_too_large", "File size exceeded. {message}"))
    row = call.world.store.add_upload(file.name or "", size, kind, call.app.end_user_id(user))
    return call.version.json(call.version.upload_row(row), 201)


def size_limit(kind: str) -> int:
    which = "image_file_size_limit" if kind.startswith("image/") else "file_size_limit"
    return SYSTEM_PARAMETERS[which] * MEGABYTE


def parts(environ: Environ) -> tuple[dict[str, str], dict[str, UploadedFile]]:
    """Fields and files by name, the first of each. What is no multipart body has neither."""
    # The parser takes a body without Content-Length, which is one sent in chunks, for an empty one.
    measured = {**environ, "CONTENT_LENGTH": environ.get("CONTENT_LENGTH") or "1"}
    try:
        fields, files = MultiPartParser(measured, environ["wsgi.input"], [MeasuringHandler()], "utf-8").parse()
    except MultiPartParserError:
        return {}, {}
    return first_of_each(fields), first_of_each(files)


def first_of_each(values: Any) -> dict[str, Any]:
    return {name: items[0] for name, items in values.lists()}
