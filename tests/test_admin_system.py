"""A system's page in the admin: onboarding, saving, what is refused, what is never shown."""

import pytest
from django.conf import LazySettings

from dify.standin.server import StandIn
from history.models import ChatUser
from tenants.models import System
from tests.control_room import ADD, logged, page_of, superuser, told, url
from tests.gateway import Gateway

pytestmark = pytest.mark.django_db(transaction=True)

APP_KEY = "app-demo-chat"


def onboarding(dify: StandIn, **changes: str) -> dict[str, str]:
    typed = {"system_id": "drillquiz", "name": "DrillQuiz", "dify_base_url": dify.url, "dify_api_key": APP_KEY}
    return {**typed, "allowed_origins": "https://www.drillquiz.example", **changes}


def test_one_page_onboards_a_system_and_tests_its_connection(dify: StandIn) -> None:
    response = superuser().save(ADD, "_test", **onboarding(dify))

    system = System.objects.get()
    assert response.url == page_of(system)
    assert "The connection works: the app “Demo chat” answers (a chat assistant)." in told(response)
    assert (system.dify_api_key.reveal(), system.origins) == (APP_KEY, ["https://www.drillquiz.example"])
    assert system.identity_proof


def test_saving_alone_does_not_bother_dify(dify: StandIn) -> None:
    superuser().save(ADD, **onboarding(dify))

    assert System.objects.exists()
    assert not dify.requests


def test_a_refused_key_is_saved_and_said_in_words(dify: StandIn) -> None:
    response = superuser().save(ADD, "_test", **onboarding(dify, dify_api_key="app-wrong"))

    assert System.objects.get().dify_api_key.reveal() == "app-wrong"
    assert any("Dify refuses the app key" in sentence for sentence in told(response))


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/v1"])
def test_it_accepts_a_v1_too_many_or_too_few(dify: StandIn, path: str) -> None:
    base_url = dify.url.removesuffix("/v1") + path

    response = superuser().save(ADD, "_test", **onboarding(dify, dify_base_url=base_url))

    assert System.objects.get().dify_base_url == dify.url
    assert any("The connection works" in sentence for sentence in told(response))


def test_the_saved_app_key_is_never_shown_again(dify: StandIn) -> None:
    room = superuser()
    room.save(ADD, **onboarding(dify))
    system = System.objects.get()

    pages = room.page(system) + room.open(url("history", system)).content.decode()

    assert "Added." in pages
    assert APP_KEY not in pages
    assert system.dify_api_key.token not in pages
    assert system.identity_secret.reveal() not in pages
    assert "saved – leave empty to keep it" in pages


def test_an_empty_app_key_keeps_the_saved_one(drillquiz: System) -> None:
    superuser().save(page_of(drillquiz), name="Drill")

    drillquiz.refresh_from_db()
    assert (drillquiz.name, drillquiz.dify_api_key.reveal()) == ("Drill", APP_KEY)
    assert logged(drillquiz) == ["Changed Name."]


def test_the_log_says_that_the_app_key_changed_and_not_to_what(drillquiz: System) -> None:
    superuser().save(page_of(drillquiz), dify_api_key="app-other")

    drillquiz.refresh_from_db()
    assert drillquiz.dify_api_key.reveal() == "app-other"
    assert logged(drillquiz) == ["Changed Dify app key."]


def test_the_saved_app_key_can_be_forgotten(drillquiz: System) -> None:
    superuser().save(page_of(drillquiz), forget_dify_api_key="on")

    drillquiz.refresh_from_db()
    assert not drillquiz.dify_api_key
    assert logged(drillquiz) == ["Changed Dify app key."]


def test_a_new_app_key_and_forgetting_are_not_both_done(drillquiz: System) -> None:
    response = superuser().save(page_of(drillquiz), forget_dify_api_key="on", dify_api_key="app-other")

    assert "not both" in response.content.decode()
    drillquiz.refresh_from_db()
    assert drillquiz.dify_api_key.reveal() == APP_KEY


@pytest.mark.parametrize("elsewhere", ["http://elsewhere.example/v1", "https://127.0.0.1/v1", ""])
def test_the_saved_app_key_does_not_follow_to_another_server(drillquiz: System, elsewhere: str) -> None:
    before = drillquiz.dify_base_url

    response = superuser().save(page_of(drillquiz), "_test", dify_base_url=elsewhere)

    assert "it would be sent to another server" in response.content.decode()
    drillquiz.refresh_from_db()
    assert drillquiz.dify_base_url == before


def test_a_key_that_went_to_the_shared_dify_does_not_follow_either(drillquiz: System, settings: LazySettings) -> None:
    settings.DIFY_BASE_URL = drillquiz.dify_base_url
    System.objects.update(dify_base_url="")

    response = superuser().save(page_of(drillquiz), dify_base_url="http://elsewhere.example")

    assert "it would be sent to another server" in response.content.decode()


def test_another_server_is_fine_with_a_key_of_its_own(drillquiz: System) -> None:
    superuser().save(page_of(drillquiz), dify_base_url="http://elsewhere.example", dify_api_key="app-other")

    drillquiz.refresh_from_db()
    assert drillquiz.dify_credentials == ("http://elsewhere.example/v1", "app-other")


def test_the_page_says_that_the_shared_dify_serves(dify: StandIn, settings: LazySettings) -> None:
    settings.DIFY_BASE_URL, settings.DIFY_API_KEY = dify.url, APP_KEY
    room = superuser()

    response = room.save(ADD, "_test", system_id="drillquiz", name="DrillQuiz")

    assert any("The connection works" in sentence for sentence in told(response))
    assert f"the gateway&#x27;s shared Dify at {dify.url} serves" in room.page(System.objects.get())


def test_without_any_dify_it_says_what_is_missing() -> None:
    response = superuser().save(ADD, "_test", system_id="drillquiz", name="DrillQuiz")

    assert "Not tested: there is no Dify base URL, and this gateway has no shared Dify to fall back on." in told(
        response
    )


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("system_id", "Drill_Quiz", "Use lower-case letters, digits and hyphens."),
        ("dify_base_url", "dify.example.com", "Write the address of Dify like https://dify.example.com/v1."),
        ("dify_api_key", "app-한글", "An app key has no spaces"),
        ("allowed_origins", "https://a.example\nhttps://b.example/chat", "“https://b.example/chat” has more than"),
        ("allowed_origins", "*", "“*” is not an origin."),
        ("token_lifetime", "31 00:00:00", "30 days"),
        ("jwt_algorithm", "RS256", "This algorithm needs the address of the public keys."),
    ],
)
def test_bad_input_is_named_and_nothing_typed_is_lost(dify: StandIn, field: str, value: str, sentence: str) -> None:
    typed = onboarding(dify, **{field: value})

    page = superuser().save(ADD, **typed).content.decode()

    assert sentence in page
    assert all(part in page for part in typed.values())
    assert not System.objects.exists()


def test_a_system_id_is_given_once(drillquiz: System, dify: StandIn) -> None:
    page = superuser().save(ADD, **onboarding(dify)).content.decode()

    assert "System with this System id already exists." in page


def test_the_system_id_cannot_be_changed(drillquiz: System) -> None:
    superuser().save(page_of(drillquiz), system_id="other")

    assert [system.pk for system in System.objects.all()] == ["drillquiz"]


def test_a_system_with_a_history_is_not_deleted(drillquiz: System, alice: Gateway) -> None:
    alice.say("Hello")
    room = superuser()

    response = room.client.post(url("delete", drillquiz), {"post": "yes"})

    assert any("Switch off “enabled” instead" in sentence for sentence in told(response))
    assert System.objects.filter(pk="drillquiz").exists()
    assert ChatUser.objects.exists()


def test_a_system_without_a_history_is_deleted_with_its_keys(drillquiz: System) -> None:
    room = superuser()
    room.press("create_key", drillquiz, kind="secret")

    confirmation = room.open(url("delete", drillquiz)).content.decode()
    room.client.post(url("delete", drillquiz), {"post": "yes"})

    assert "permission" not in confirmation
    assert not System.objects.exists()


def test_the_list_names_systems_and_links_to_them(drillquiz: System) -> None:
    page = superuser().open("/admin/tenants/system/").content.decode()

    assert page_of(drillquiz) in page
    assert drillquiz.dify_base_url.removesuffix("/v1") in page


def test_a_disabled_system_says_so(drillquiz: System) -> None:
    room = superuser()

    room.save(page_of(drillquiz), enabled=None)

    assert "This system is disabled" in room.page(drillquiz)


def test_the_admin_is_english_whatever_the_browser_prefers(drillquiz: System) -> None:
    response = superuser().client.get("/admin/tenants/system/", headers={"Accept-Language": "ko"})

    assert response["Content-Language"] == "en"
    assert 'lang="en"' in response.content.decode()


def test_the_address_without_a_slash_leads_to_the_admin() -> None:
    assert superuser().open("/admin").url == "/admin/"
