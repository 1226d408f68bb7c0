"""The archive on S3, or on anything that speaks it, such as MinIO."""

from functools import cached_property
from typing import Any

from botocore.config import Config
from django.core.files import File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

MOST_AT_ONCE = 1000  # names in one request, by S3's own rule
CONNECTIONS = 64


class Bucket(S3Storage):
    """One request an object, from any thread: boto3's resources, which S3Storage uses to write, belong to one thread,
    its clients to all."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, file_overwrite=True, client_config=config_of(options))

    @cached_property
    def client(self) -> Any:
        return self.connection.meta.client

    def _save(self, name: str, content: File) -> str:
        self.client.put_object(
            Bucket=self.bucket_name,
            Key=self.key_of(name),
            Body=content.read(),
            ContentType="application/json",
        )
        return name

    def delete_many(self, names: list[str]) -> None:
        for start in range(0, len(names), MOST_AT_ONCE):
            wanted = [{"Key": self.key_of(name)} for name in names[start : start + MOST_AT_ONCE]]
            answer = self.client.delete_objects(Bucket=self.bucket_name, Delete={"Objects": wanted, "Quiet": True})
            if errors := answer.get("Errors"):
                raise OSError(f"{len(errors)} objects could not be removed: {errors[0].get('Code')}.")

    def key_of(self, name: str) -> str:
        return str(self._normalize_name(clean_name(name)))


def config_of(options: dict[str, Any]) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "max_attempts": 3},
        max_pool_connections=CONNECTIONS,
        # Not every S3 knows the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
