"""Signing secrets and the identity secret from the admin: shown once, overlapping, retired; and the test chat."""

import html
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.conf import LazySettings

from tenants import tokens
from tenants.errors import TokenInvalid
from tenants.models import SigningSecret, System
from tests.control_room import logged, page_of, superuser, told
from tests.test_admin_keys import shown


def minted(system: System, secret: str, kid: str | None) -> str:
    """A token as the system's own server makes it."""
    claims = {"system_id": system.pk, "user_id": "alice", "exp": int(time.time()) + 60}
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid} if kid else None)


def test_a_new_signing_secret_is_shown_once_and_signs(drillquiz: System) -> None:
    room = superuser()

    response = room.press("create_secret", drillquiz)

    text, newest = shown(response), drillquiz.signing_secrets.first()
    assert newest is not None
    assert "no-store" in response["Cache-Control"]
    assert tokens.verified(minted(drillquiz, text, newest.kid)).user_id == "alice"
    assert text not in room.page(drillquiz)
    assert newest.kid in room.page(drillquiz)
    assert logged(drillquiz) == [f"Created signing secret kid {newest.kid}"]


def test_two_secrets_overlap_until_the_old_one_is_retired(drillquiz: System) -> None:
    room = superuser()
    old = SigningSecret.objects.get()
    before = minted(drillquiz, old.secret.reveal(), old.kid)
    room.press("create_secret", drillquiz)
    assert tokens.verified(before).user_id == "alice"

    response = room.press("retire_secret", drillquiz, old.pk)

    assert response.url == page_of(drillquiz)
    assert told(response) == [f"The signing secret {old.kid} is retired: tokens signed with it are refused."]
    with pytest.raises(TokenInvalid):
        tokens.verified(before)
    assert logged(drillquiz)[-1] == f"Retired signing secret kid {old.kid}"


def test_retiring_twice_is_one_retirement(drillquiz: System) -> None:
    room = superuser()
    secret = SigningSecret.objects.get()

    room.press("retire_secret", drillquiz, secret.pk)
    room.press("retire_secret", drillquiz, secret.pk)

    assert len(logged(drillquiz)) == 1


def test_the_page_says_when_all_secrets_are_retired(drillquiz: System) -> None:
    room = superuser()

    room.press("retire_secret", drillquiz, SigningSecret.objects.get().pk)

    assert "every token of this system is refused" in room.page(drillquiz)


def test_the_page_says_when_there_is_none(drillquiz: System) -> None:
    SigningSecret.objects.all().delete()

    assert "No signing secret yet" in html.unescape(superuser().page(drillquiz))


def test_the_page_says_when_the_shared_secret_is_used(drillquiz: System, settings: LazySettings) -> None:
    settings.CHAT_GATEWAY_JWT_SECRET = "shared-" + "0123456789" * 4
    SigningSecret.objects.all().delete()

    page = html.unescape(superuser().page(drillquiz))

    assert "the gateway's shared secret (CHAT_GATEWAY_JWT_SECRET) signs and checks" in page
    assert settings.CHAT_GATEWAY_JWT_SECRET not in page


def test_the_page_says_when_the_systems_own_issuer_signs(drillquiz: System) -> None:
    System.objects.update(jwt_algorithm="RS256", jwks_url="https://id.example/jwks")

    page = html.unescape(superuser().page(drillquiz))

    assert "Tokens are checked with the public keys at https://id.example/jwks (RS256)" in page


def test_a_new_identity_secret_is_shown_once(drillquiz: System) -> None:
    room = superuser()
    before = drillquiz.identity_secret.reveal()

    text = shown(room.press("renew_identity", drillquiz))

    drillquiz.refresh_from_db()
    assert drillquiz.identity_secret.reveal() == text != before
    assert text not in room.page(drillquiz)
    assert logged(drillquiz) == ["Made a new identity secret"]


def test_the_test_chat_opens_as_the_operators_own_test_user(drillquiz: System) -> None:
    response = superuser().press("test_chat", drillquiz)

    address = urlsplit(response.url)
    token = parse_qs(address.query)["token"][0]
    caller = tokens.verified(token)
    lifetime = tokens.unverified(token)[1]
    assert address.path == "/chat"
    assert (caller.system, caller.user_id) == (drillquiz, "operator-superuser")
    assert lifetime["exp"] - lifetime["iat"] == 3600
    assert logged(drillquiz) == ["Opened a test chat as operator-superuser"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"enabled": False}, "No test chat: This system is disabled."),
        (
            {"jwt_algorithm": "RS256"},
            "No test chat: This system's tokens are signed by its own issuer, so the gateway cannot make one.",
        ),
    ],
)
def test_the_test_chat_says_why_it_cannot_open(drillquiz: System, changes: dict[str, object], sentence: str) -> None:
    System.objects.update(**changes)

    response = superuser().press("test_chat", drillquiz)

    assert response.url == page_of(drillquiz)
    assert told(response) == [sentence]
    assert logged(drillquiz) == []


def test_secrets_that_cannot_be_decrypted_break_no_page(drillquiz: System, settings: LazySettings) -> None:
    settings.ENCRYPTION_KEYS = ["qMy7bXMJtZ0u0M5oGxjG6hW1yZ2bYk3Xw7z6W3d9n1A="]
    room = superuser()

    assert drillquiz.name in room.page(drillquiz)
    assert "No test chat: The signing secret cannot be decrypted" in told(room.press("test_chat", drillquiz))[0]
    assert "The saved app key cannot be decrypted" in " ".join(told(room.save(page_of(drillquiz), "_test")))
