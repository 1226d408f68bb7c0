"""`manage.py gen_env > .env`: fresh secrets, and every other setting as a comment with its default."""

import secrets
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand

TEMPLATE = """\
# Settings of the chat gateway. The environment goes before this file. Keep it private: it holds secrets.

# Signs sessions of the admin. A new value logs everybody out.
SECRET_KEY={secret_key}
# Opens the secrets in the database, newest first, with commas between them. Without it they are lost: keep a copy.
# To rotate: put a new key in front, run `manage.py rotate_secrets`, then remove the old one.
ENCRYPTION_KEYS={encryption_key}
# Signs chat links of systems that have no signing secret of their own.
CHAT_GATEWAY_JWT_SECRET={jwt_secret}
# The database of docker-compose.yml.
POSTGRES_PASSWORD={postgres_password}

# Where people and systems reach the gateway. With https it behaves as a public site does: secure cookies, HSTS.
#PUBLIC_URL=https://chat.example.com
#ALLOWED_HOSTS=chat.internal
#TRUSTED_PROXIES=10.0.0.0/8
#DEBUG=off
#TIME_ZONE=UTC
#LOG_LEVEL=INFO

# The Dify of systems that name none of their own.
#DIFY_BASE_URL=https://dify.example.com/v1
#DIFY_API_KEY=app-
#DIFY_CA_BUNDLE=
#DIFY_ALLOW_PRIVATE_ADDRESSES=on
# Seconds: to connect, for an answer that is no stream, of silence in a stream, for a whole turn.
#DIFY_CONNECT_TIMEOUT=5
#DIFY_READ_TIMEOUT=30
#DIFY_IDLE_TIMEOUT=60
#DIFY_TOTAL_TIMEOUT=600
# Bytes of an answer's text, and of anything else that Dify may send; connections that are kept for reuse.
#DIFY_MAX_ANSWER_BYTES=1048576
#DIFY_MAX_BODY_BYTES=16777216
#DIFY_POOL_SIZE=512

# Without these: SQLite in db.sqlite3, and a cache in each process.
#DATABASE_URL=postgres://user:password@localhost:5432/chat_gateway
#DATABASE_POOL_SIZE=10
#REDIS_URL=redis://localhost:6379/0

# The archive of finished turns: a folder, or a bucket on S3 or MinIO. Without an endpoint it is Amazon's.
#ARCHIVE_DIR=archive
#ARCHIVE_S3_ENDPOINT=http://localhost:9000
#ARCHIVE_S3_BUCKET=chat-archive
#ARCHIVE_S3_ACCESS_KEY=
#ARCHIVE_S3_SECRET_KEY=
#ARCHIVE_S3_REGION=us-east-1

# The largest message and the largest file, in bytes.
#CHAT_MAX_BODY_BYTES=262144
#CHAT_MAX_FILE_BYTES=15728640

# Rooms: the port of their sockets, bytes of a frame that somebody sends, seconds without a sign of life.
#ROOMS_PORT=8089
#ROOMS_MAX_MESSAGE_BYTES=16384
#ROOMS_IDLE_TIMEOUT=60

# gunicorn: where it listens, one worker a CPU, and - for an access log on standard output.
#HOST=0.0.0.0
#PORT=8088
#WEB_CONCURRENCY=2
#ACCESS_LOG=-
"""


class Command(BaseCommand):
    help = "Print fresh values for .env. Needs no settings and no database: manage.py gen_env > .env"
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        fresh = TEMPLATE.format(
            secret_key=secrets.token_urlsafe(50),
            encryption_key=Fernet.generate_key().decode(),
            jwt_secret=secrets.token_urlsafe(32),
            postgres_password=secrets.token_urlsafe(24),
        )
        self.stdout.write(fresh, ending="")
