"""POST /v1/files: an upload that only its user can attach to a message."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IdentitySerializer
from dify.errors import DifyBroken
from history import recorder
from tenants.errors import TooLarge

MULTIPART_OVERHEAD = 64 * 1024  # bytes, for the other fields and the boundaries


class UploadSerializer(IdentitySerializer):
    file = serializers.FileField()


class FileSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="For upload_file_id in POST /v1/chat.")
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    extension = serializers.CharField()
    mime_type = serializers.CharField()
    created_at = serializers.IntegerField(help_text="Unix seconds.")


SHOWN = list(FileSerializer().fields)


class CappedMultiPartParser(MultiPartParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        request = parser_context["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.CHAT_MAX_FILE_BYTES + MULTIPART_OVERHEAD:
            raise TooLarge(settings.CHAT_MAX_FILE_BYTES)
        return super().parse(stream, media_type, parser_context)


class FilesView(CallerView):
    parser_classes = [CappedMultiPartParser]

    @extend_schema(
        summary="Upload a file",
        description="One file in the field `file`. It can be attached by the same user only.",
        request={"multipart/form-data": UploadSerializer},
        responses={201: FileSerializer},
    )
    def post(self, request: Request) -> Response:
        caller = self.caller(request)
        file = one_file(request)
        media_type = file.content_type or "application/octet-stream"
        made = self.dify(caller).upload(caller.dify_user, file.name or "file", file, media_type)
        if not isinstance(made.get("id"), str):
            raise DifyBroken
        recorder.note_uploaded(caller, made["id"])
        return Response({name: made.get(name) for name in SHOWN}, status=201)


def one_file(request: Request) -> UploadedFile:
    files = request.FILES.getlist("file")
    if len(files) != 1:
        raise ValidationError({"file": ["Send exactly one file, in the field “file”."]})
    if (files[0].size or 0) > settings.CHAT_MAX_FILE_BYTES:
        raise TooLarge(settings.CHAT_MAX_FILE_BYTES)
    return files[0]
