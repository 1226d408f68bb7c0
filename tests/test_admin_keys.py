"""API keys from the admin: created and shown once, listed, revoked; those for all systems are a superuser's."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from tenants.models import ApiKey, System
from tests.control_room import logged, page_of, superuser, told, url
from tests.gateway import Gateway

ADD = "/admin/tenants/apikey/add/"


def shown(response: Any) -> str:
    """The secret on the page that shows it once."""
    match = re.search(r'<pre id="secret"[^>]*>([^<]+)</pre>', response.content.decode())
    assert match, response.content.decode()
    return match[1]


def test_a_new_key_is_shown_once_and_works(drillquiz: System) -> None:
    room = superuser()

    response = room.press("create_key", drillquiz, kind="secret", name="quiz backend")

    text = shown(response)
    assert "no-store" in response["Cache-Control"]
    assert Gateway({"X-API-Key": text}, user_id="alice").say("Hello").status_code == 200
    assert text not in room.page(drillquiz)
    assert text[:11] in room.page(drillquiz)
    assert logged(drillquiz) == [f"Created secret key {text[:11]}… (quiz backend)"]


def test_the_example_beside_a_new_key_has_the_key_in_it(drillquiz: System) -> None:
    room = superuser()

    secret = room.press("create_key", drillquiz, kind="secret")
    publishable = room.press("create_key", drillquiz, kind="publishable")

    assert f"X-API-Key: {shown(secret)}" in secret.content.decode()
    assert f"data-key=&quot;{shown(publishable)}&quot;" in publishable.content.decode()


def test_two_keys_live_at_once_until_one_is_revoked(drillquiz: System) -> None:
    room = superuser()
    old, new = (shown(room.press("create_key", drillquiz, kind="secret")) for _ in range(2))
    assert {Gateway({"X-API-Key": key}).get("/v1/status").status_code for key in (old, new)} == {200}

    response = room.press("revoke_key", drillquiz, ApiKey.objects.get(key_hash=ApiKey.hash_of(old)).pk)

    assert response.url == page_of(drillquiz)
    assert told(response) == [f"The key {old[:11]}… is revoked: whoever still uses it is refused."]
    assert Gateway({"X-API-Key": old}).get("/v1/status").status_code == 401
    assert Gateway({"X-API-Key": new}).get("/v1/status").status_code == 200
    assert logged(drillquiz)[-1] == f"Revoked secret key {old[:11]}…"


def test_revoking_twice_is_one_revocation(drillquiz: System) -> None:
    room = superuser()
    key, _ = ApiKey.issue(drillquiz)
    room.press("revoke_key", drillquiz, key.pk)
    first = ApiKey.objects.get().revoked_at

    room.press("revoke_key", drillquiz, key.pk)

    assert ApiKey.objects.get().revoked_at == first
    assert len(logged(drillquiz)) == 1


def test_a_publishable_key_is_made_with_its_expiry(drillquiz: System) -> None:
    expires = (timezone.now() + timedelta(days=30)).replace(second=0, microsecond=0)

    response = superuser().press(
        "create_key", drillquiz, kind="publishable", name="site", expires_at=f"{expires:%Y-%m-%dT%H:%M}"
    )

    assert shown(response).startswith("pk_")
    assert ApiKey.objects.get().expires_at == expires


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"kind": "secret", "expires_at": "2020-01-01T00:00"}, "This moment has passed."),
        ({"kind": "secret", "expires_at": "soon"}, "Enter a valid date/time."),
        ({"kind": "master"}, "master is not one of the available choices."),
        ({"kind": "secret", "name": "x" * 121}, "at most 120 characters"),
    ],
)
def test_bad_input_creates_no_key_and_loses_nothing(drillquiz: System, typed: dict[str, str], sentence: str) -> None:
    page = superuser().press("create_key", drillquiz, **{"name": "quiz backend", **typed}).content.decode()

    assert sentence in page
    assert f'value="{typed.get("name", "quiz backend")}"' in page
    assert not ApiKey.objects.exists()


def test_the_page_lists_kind_last_use_expiry_and_state(drillquiz: System) -> None:
    moment = timezone.now().replace(year=2031, month=2, day=3, hour=4, minute=5)
    ApiKey.issue(drillquiz, name="never used")
    ApiKey.issue(drillquiz, "publishable", name="used", last_used_at=moment, expires_at=moment)
    ApiKey.issue(drillquiz, name="past", expires_at=timezone.now() - timedelta(days=1))
    ApiKey.issue(drillquiz, name="gone", revoked_at=moment)

    page = superuser().page(drillquiz)
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = [re.findall(r'data-label="[^"]*"[^>]*>(.*?)</t[hd]>', row, re.DOTALL) for row in rows]
    keys = {row[2]: [re.sub(r"<[^>]*>|\s+", " ", cell).split() for cell in row] for row in cells if len(row) == 7}

    assert keys["never used"][1] == ["secret"]
    assert keys["never used"][4:] == [["never"], ["never"], ["live", "Revoke"]]
    assert keys["used"][1] == ["publishable"]
    assert keys["used"][4:6] == [["2031-02-03", "04:05"]] * 2
    assert keys["past"][6] == ["expired"]
    assert keys["gone"][6] == ["revoked", "2031-02-03", "04:05"]


def test_a_get_neither_creates_nor_revokes(drillquiz: System) -> None:
    room = superuser()
    key, _ = ApiKey.issue(drillquiz)

    answers = [room.open(url("create_key", drillquiz)), room.open(url("revoke_key", drillquiz, key.pk))]

    assert [answer.url for answer in answers] == [page_of(drillquiz)] * 2
    assert ApiKey.objects.get().revoked_at is None


def test_another_site_cannot_press_the_buttons(drillquiz: System) -> None:
    room = superuser()
    room.client.handler.enforce_csrf_checks = True

    assert room.press("create_key", drillquiz, kind="secret").status_code == 403
    assert not ApiKey.objects.exists()


def test_a_key_for_all_systems_is_an_explicit_choice(drillquiz: System, cointutor: System) -> None:
    room = superuser()

    unsure = room.client.post(ADD, {"kind": "secret", "name": "hub"})
    assert "Say that you mean it" in unsure.content.decode()
    assert not ApiKey.objects.exists()

    text = shown(room.client.post(ADD, {"kind": "secret", "name": "hub", "all_systems": "on"}))
    hub = Gateway({"X-API-Key": text})
    assert {hub.get("/v1/status", system_id=name).status_code for name in ("drillquiz", "cointutor")} == {200}
    assert LogEntry.objects.get().get_change_message() == f"Created secret key {text[:11]}… (hub) for all systems"


def test_a_key_for_all_systems_is_revoked_from_its_own_page(db: None) -> None:
    room = superuser()
    key, text = ApiKey.issue(None, name="hub")
    page = room.open(f"/admin/tenants/apikey/{key.pk}/change/").content.decode()
    action = f"/admin/tenants/apikey/{key.pk}/revoke/"
    assert action in page

    room.client.post(action)

    assert Gateway({"X-API-Key": text}).get("/v1/status").status_code == 401
    assert LogEntry.objects.get().get_change_message() == f"Revoked secret key {text[:11]}… (hub) for all systems"
    assert action not in room.open(f"/admin/tenants/apikey/{key.pk}/change/").content.decode()


def test_revoking_from_the_list_of_all_keys_is_in_the_systems_history_too(drillquiz: System) -> None:
    key, text = ApiKey.issue(drillquiz)

    superuser().client.post(f"/admin/tenants/apikey/{key.pk}/revoke/")

    assert logged(drillquiz) == [f"Revoked secret key {text[:11]}…"]


def test_the_list_of_all_keys_tells_whose_they_are(drillquiz: System) -> None:
    own, _ = ApiKey.issue(drillquiz)
    hub, _ = ApiKey.issue(None)

    page = superuser().open("/admin/tenants/apikey/").content.decode()

    assert str(own) in page
    assert str(hub) in page
    assert "all systems" in page


def test_keys_are_not_deleted_so_that_the_log_can_be_understood(drillquiz: System) -> None:
    key, _ = ApiKey.issue(drillquiz)

    assert superuser().client.post(f"/admin/tenants/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ApiKey.objects.exists()
