"""Operators see and change their own systems, and nothing else; other staff see nothing."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tenants.models import ApiKey, SigningSecret, System
from tests.control_room import ControlRoom, logged, operator, page_of, superuser, url


def closed(response: Any) -> bool:
    return response.status_code in (302, 403, 404) and page_of(System(pk="cointutor")) not in response.get(
        "Location", ""
    )


def test_an_operator_sees_only_the_systems_they_look_after(drillquiz: System, cointutor: System) -> None:
    page = operator(drillquiz).open("/admin/tenants/system/").content.decode()

    assert page_of(drillquiz) in page
    assert page_of(cointutor) not in page


def test_an_operator_changes_their_system_and_the_log_says_who(drillquiz: System) -> None:
    room = operator(drillquiz)

    room.save(page_of(drillquiz), name="Drill", allowed_origins="https://drill.example")

    drillquiz.refresh_from_db()
    assert (drillquiz.name, drillquiz.allowed_origins) == ("Drill", "https://drill.example")
    assert logged(drillquiz) == ["Changed Name and Allowed origins."]


def test_an_operator_makes_and_revokes_the_keys_of_their_system(drillquiz: System) -> None:
    room = operator(drillquiz)

    assert room.press("create_key", drillquiz, kind="secret").status_code == 200
    room.press("revoke_key", drillquiz, ApiKey.objects.get().pk)

    assert not ApiKey.objects.get().live


@pytest.mark.parametrize("view", ["change", "history", "delete", "create_key", "create_secret", "renew_identity"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_operator_reaches_no_other_system(drillquiz: System, cointutor: System, view: str, method: str) -> None:
    room = operator(drillquiz)
    identity = cointutor.identity_secret.reveal()

    response = getattr(room.client, method)(url(view, cointutor), {"kind": "secret", "name": "Mine", "post": "yes"})

    assert closed(response)
    cointutor.refresh_from_db()
    assert cointutor.name != "Mine"
    assert cointutor.identity_secret.reveal() == identity
    assert not ApiKey.objects.exists()
    assert SigningSecret.objects.filter(system=cointutor).count() == 1


def test_an_operator_opens_no_test_chat_of_another_system(drillquiz: System, cointutor: System) -> None:
    assert operator(drillquiz).press("test_chat", cointutor).status_code == 404


@pytest.mark.parametrize("through", ["drillquiz", "cointutor"])
def test_an_operator_cannot_touch_keys_and_secrets_of_another_system_by_their_ids(
    drillquiz: System, cointutor: System, through: str
) -> None:
    room = operator(drillquiz)
    key, _ = ApiKey.issue(cointutor)
    secret = cointutor.signing_secrets.get()
    system = System.objects.get(pk=through)

    answers = [room.press("revoke_key", system, key.pk), room.press("retire_secret", system, secret.pk)]

    assert [answer.status_code for answer in answers] == [404, 404]
    key.refresh_from_db()
    secret.refresh_from_db()
    assert key.live
    assert secret.live


def test_an_operator_neither_sees_nor_changes_who_the_operators_are(drillquiz: System, cointutor: System) -> None:
    room = operator(drillquiz)
    friend = User.objects.create_user("friend", is_staff=True)

    room.save(page_of(drillquiz), operators=str(friend.pk))

    assert 'name="operators"' not in room.page(drillquiz)
    assert list(drillquiz.operators.all()) == [room.person]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/tenants/system/add/",
        "/admin/tenants/apikey/",
        "/admin/tenants/apikey/add/",
        "/admin/auth/user/",
        "/admin/auth/user/add/",
    ],
)
def test_what_concerns_all_systems_is_closed_to_operators(drillquiz: System, path: str) -> None:
    room = operator(drillquiz)

    assert closed(room.open(path))
    assert closed(room.client.post(path, {"kind": "secret", "all_systems": "on"}))
    assert not ApiKey.objects.exists()


def test_an_operator_cannot_revoke_through_the_list_of_all_keys(drillquiz: System) -> None:
    room = operator(drillquiz)
    key, _ = ApiKey.issue(drillquiz)

    assert room.client.post(f"/admin/tenants/apikey/{key.pk}/revoke/").status_code == 404
    assert ApiKey.objects.get().live


def test_an_operator_cannot_delete_their_system(drillquiz: System) -> None:
    assert operator(drillquiz).client.post(url("delete", drillquiz), {"post": "yes"}).status_code == 403
    assert System.objects.exists()


def test_staff_without_a_system_see_nothing_and_are_told_so(drillquiz: System) -> None:
    room = operator()

    index = room.open("/admin/").content.decode()

    assert "You do not operate any system yet." in index
    assert "/admin/tenants/system/" not in index
    assert closed(room.open("/admin/tenants/system/"))
    assert closed(room.open(page_of(drillquiz)))


def test_people_who_are_no_staff_cannot_come_in(drillquiz: System) -> None:
    person = User.objects.create_user("person")
    drillquiz.operators.add(person)

    assert ControlRoom(person).open(page_of(drillquiz)).url.startswith("/admin/login/")


def test_an_operator_who_is_removed_is_out_at_once(drillquiz: System) -> None:
    room = operator(drillquiz)
    assert room.open(page_of(drillquiz)).status_code == 200

    drillquiz.operators.clear()

    assert closed(room.open(page_of(drillquiz)))


def test_a_superuser_assigns_operators_on_the_systems_page(drillquiz: System) -> None:
    person = User.objects.create_user("operator", is_staff=True)

    superuser().save(page_of(drillquiz), operators=str(person.pk))

    assert list(drillquiz.operators.all()) == [person]
    assert ControlRoom(person).open(page_of(drillquiz)).status_code == 200


def test_a_superuser_adds_and_finds_people(drillquiz: System) -> None:
    room = superuser()
    password = "correct-horse-battery"
    form = {"username": "operator", "usable_password": "true", "password1": password, "password2": password}

    room.client.post("/admin/auth/user/add/", {**form, "is_staff": "on"})

    drillquiz.operators.add(User.objects.get(username="operator", is_staff=True))
    page = room.open("/admin/auth/user/").content.decode()
    assert "all systems" in page
    assert ">drillquiz<" in page.replace("\n", "").replace(" ", "")
