"""The snippets on a system's page work as they stand: each is run, with its placeholders filled in."""

import hashlib
import hmac
import html
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from tenants import tokens
from tenants.models import ApiKey, SigningSecret, System
from tests.browsers import Page, allow
from tests.control_room import superuser
from tests.test_admin_keys import shown

SITE = "https://www.drillquiz.example"


def snippet(page: str, name: str) -> str:
    """The text as a person copies it from the page."""
    found = re.search(rf'<pre id="snippet-{name}"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert found, f"There is no snippet {name} on this page."
    return html.unescape(found[1])


def run(command: list[str], secret: str) -> str:
    environment = {**os.environ, "CHAT_SIGNING_SECRET": secret}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def program(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed here.")


def minted(system: System, name: str, path: Path) -> str:
    """The token that the Python or Node snippet prints, run with the newest secret."""
    file = path / name.replace("-", ".")
    file.write_text(snippet(superuser().page(system), name))
    runtime = sys.executable if name.endswith("py") else program("node")
    newest = system.signing_secrets.first()
    return run([runtime, str(file)], newest.secret.reveal() if newest else tokens.signing_keys(system)[0][1])


@pytest.mark.parametrize("name", ["mint-py", "mint-mjs"])
def test_the_code_mints_a_token_that_is_accepted(drillquiz: System, name: str, tmp_path: Path) -> None:
    newest = SigningSecret.objects.create(system=drillquiz)

    token = minted(drillquiz, name, tmp_path)

    caller = tokens.verified(token)
    assert (caller.system, caller.user_id) == (drillquiz, "alice")
    assert tokens.unverified(token)[0]["kid"] == newest.kid


@pytest.mark.parametrize("name", ["mint-py", "mint-mjs"])
def test_the_code_carries_issuer_and_audience_whatever_they_contain(
    drillquiz: System, name: str, tmp_path: Path
) -> None:
    System.objects.update(jwt_issuer='the "quiz" \\ 퀴즈', jwt_audience="chat\n'gateway'")
    drillquiz.refresh_from_db()

    assert tokens.verified(minted(drillquiz, name, tmp_path)).user_id == "alice"


@pytest.mark.parametrize("name", ["mint-py", "mint-mjs"])
def test_the_code_works_with_the_shared_secret_too(
    drillquiz: System, settings: LazySettings, name: str, tmp_path: Path
) -> None:
    settings.CHAT_GATEWAY_JWT_SECRET = "shared-" + "0123456789" * 4
    SigningSecret.objects.all().delete()

    token = minted(drillquiz, name, tmp_path)

    assert tokens.verified(token).user_id == "alice"
    assert "kid" not in tokens.unverified(token)[0]


def test_curl_gets_an_answer(drillquiz: System, live_server: LiveServer, settings: LazySettings) -> None:
    settings.PUBLIC_URL = live_server.url
    curl = program("curl")
    key = ApiKey.issue(drillquiz)[1]

    command = snippet(superuser().page(drillquiz), "curl-sh").replace("YOUR_SECRET_KEY", key)
    answer = run(["/bin/sh", "-c", command.replace("curl ", f"{curl} -sS --noproxy '*' ", 1)], "")

    assert json.loads(answer)["answer"]


class Tag(HTMLParser):
    """The attributes of the first element of a kind."""

    def __init__(self, wanted: str, text: str) -> None:
        super().__init__()
        self.wanted = wanted
        self.attributes: dict[str, Any] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == self.wanted and not self.attributes:
            self.attributes = dict(attrs)


def test_the_widget_tag_is_what_the_token_endpoint_accepts(drillquiz: System, settings: LazySettings) -> None:
    settings.PUBLIC_URL = "https://gateway.example.com"
    allow(drillquiz, SITE)
    room = superuser()
    key = shown(room.press("create_key", drillquiz, kind="publishable"))
    secret = shown(room.press("renew_identity", drillquiz))

    tag = Tag("script", snippet(room.page(drillquiz), "widget-html")).attributes
    user_hash = hmac.new(secret.encode(), tag["data-user-id"].encode(), hashlib.sha256).hexdigest()
    answer = Page(tag["data-key"].replace("pk_YOUR_PUBLISHABLE_KEY", key), SITE).ask(
        system_id=tag["data-system-id"],
        user_id=tag["data-user-id"],
        user_hash=tag["data-user-hash"].replace("HEX_HMAC_SHA256_OF_USER_ID", user_hash),
    )

    assert tag["src"] == "https://gateway.example.com/widget.js"
    assert "async" in tag
    assert tokens.verified(answer.json()["token"]).user_id == "alice"


def test_without_identity_proof_the_widget_needs_no_hash(drillquiz: System) -> None:
    System.objects.update(identity_proof=False)

    assert "hash" not in snippet(superuser().page(drillquiz), "widget-html")


def test_the_iframe_shows_the_chat_page(drillquiz: System, settings: LazySettings) -> None:
    settings.PUBLIC_URL = ""
    allow(drillquiz, SITE)
    token, _ = tokens.issue(drillquiz, "alice")

    source = Tag("iframe", snippet(superuser().page(drillquiz), "iframe-html")).attributes["src"]
    response = Client().get(source.replace("YOUR_TOKEN", token), follow=True)

    assert "embed=1" in source
    assert response.status_code == 200
    assert SITE in response["Content-Security-Policy"]


def test_a_system_with_its_own_issuer_gets_no_code_that_signs(drillquiz: System) -> None:
    System.objects.update(jwt_algorithm="RS256", jwks_url="https://id.example/jwks")

    page = superuser().page(drillquiz)

    assert "snippet-mint-py" not in page
    assert "snippet-curl-sh" in page


def test_the_page_says_which_sites_may_use_the_widget(drillquiz: System) -> None:
    room = superuser()
    assert "There are no allowed origins yet" in room.page(drillquiz)

    allow(drillquiz, SITE)

    assert f"Browsers may use this system from {SITE}." in room.page(drillquiz)


def test_no_secret_is_in_any_snippet(drillquiz: System) -> None:
    page = superuser().page(drillquiz)

    secrets = [drillquiz.dify_api_key, drillquiz.identity_secret, *(s.secret for s in SigningSecret.objects.all())]
    assert not [secret for secret in secrets if secret.reveal() in page]
