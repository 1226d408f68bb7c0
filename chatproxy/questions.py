"""The body of POST /v1/chat: what it may hold, and what Dify is sent for it."""

from typing import Any

from rest_framework import serializers

from tenants.caller import Caller

MAX_FILES = 20


class FileSerializer(serializers.Serializer[Any]):
    """A file of POST /v1/files by its id, or one that Dify fetches by its address."""

    type = serializers.ChoiceField(["image", "document", "audio", "video", "custom"])
    transfer_method = serializers.ChoiceField(["local_file", "remote_url"])
    upload_file_id = serializers.UUIDField(required=False)
    url = serializers.URLField(required=False, max_length=2048)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = "upload_file_id" if attrs["transfer_method"] == "local_file" else "url"
        if needed not in attrs:
            raise serializers.ValidationError({needed: ["This field is required."]})
        return {key: str(attrs[key]) for key in ("type", "transfer_method", needed)}


class QuestionSerializer(serializers.Serializer[Any]):
    system_id = serializers.CharField(required=False, help_text="May be left out with a key of one system or a JWT.")
    user_id = serializers.CharField(required=False, help_text="May be left out with a JWT.")
    message = serializers.CharField(trim_whitespace=False)
    conversation_id = serializers.UUIDField(required=False, allow_null=True, help_text="Empty: a new conversation.")
    inputs = serializers.DictField(required=False, help_text="The Dify app's inputs, such as language.")
    files = serializers.ListField(child=FileSerializer(), required=False, max_length=MAX_FILES)
    response_mode = serializers.ChoiceField(["blocking", "streaming"], required=False)

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        who = ("system_id", "user_id")  # already settled, with rules of their own
        return super().to_internal_value(
            {name: value for name, value in data.items() if name not in who and value != ""}
        )

    def validate_message(self, value: str) -> str:
        if not value.strip():
            raise serializers.ValidationError("This field may not be blank.")
        return value


QUESTION = QuestionSerializer()  # made once: to make its fields costs more than to use them


class Question:
    """A valid body. Raises ValidationError."""

    def __init__(self, data: dict[str, Any]) -> None:
        valid = QUESTION.run_validation(data)
        self.message: str = valid["message"]
        self.conversation_id = str(valid.get("conversation_id") or "")
        self.inputs: dict[str, Any] = valid.get("inputs") or {}
        self.files: list[dict[str, Any]] = valid.get("files") or []
        self.response_mode: str | None = valid.get("response_mode")

    @property
    def upload_ids(self) -> list[str]:
        return [file["upload_file_id"] for file in self.files if "upload_file_id" in file]

    def for_dify(self, caller: Caller) -> dict[str, Any]:
        body = {"query": self.message, "inputs": self.inputs, "user": caller.dify_user, "files": self.files}
        return body | ({"conversation_id": self.conversation_id} if self.conversation_id else {})
