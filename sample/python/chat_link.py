"""Prints a link that opens the chat as one user: `python chat_link.py alice`. Needs PyJWT and the environment."""

import os
import sys
import time
from urllib.parse import urlencode

import jwt


def chat_token(user_id: str, seconds: int = 3600) -> str:
    now = int(time.time())
    claims = {"system_id": os.environ["CHAT_SYSTEM_ID"], "user_id": user_id, "iat": now, "exp": now + seconds}
    return jwt.encode(claims, os.environ["CHAT_SIGNING_SECRET"], algorithm="HS256")


def chat_link(user_id: str, **options: str) -> str:
    query = urlencode({"token": chat_token(user_id), **options})
    return f"{os.environ['CHAT_GATEWAY_URL']}/chat?{query}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python chat_link.py USER_ID")
    print(chat_link(sys.argv[1]))  # noqa: T201, that is what it is for
