"""GET /chat and /chat-api, as a browser or a proxy sees them."""

import logging
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from chatproxy import page
from tenants import tokens
from tenants.models import SigningSecret, System

SITE = "https://www.drillquiz.example"
OTHER_SITE = "https://quiz.example:8443"


@pytest.fixture
def embedded(drillquiz: System) -> System:
    drillquiz.allowed_origins = f"{SITE}\n{OTHER_SITE}"
    drillquiz.save()
    return drillquiz


def token_of(system: System, user_id: str = "alice", **more: Any) -> str:
    return tokens.issue(system, user_id, **more)[0]


def get(path: str = "/chat", accept_language: str = "", **query: str) -> Any:
    headers = {"Accept-Language": accept_language} if accept_language else {}
    return Client(raise_request_exception=False).get(path, query, headers=headers)


def words(response: Any) -> str:
    return unescape(response.content.decode())


def policy(response: Any) -> dict[str, str]:
    parts = (part.partition(" ") for part in response["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/chat", "/chat-api"])
def test_a_good_token_opens_the_page(drillquiz: System, path: str) -> None:
    response = get(path, token=token_of(drillquiz))

    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert "Drillquiz" in words(response)


def test_the_token_is_not_in_the_page(drillquiz: System) -> None:
    token = token_of(drillquiz)

    assert token not in get(token=token).content.decode()


def test_it_is_not_kept_and_gives_no_referrer(drillquiz: System) -> None:
    response = get(token=token_of(drillquiz))

    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"


def test_it_sets_no_cookies(drillquiz: System) -> None:
    assert not get(token=token_of(drillquiz)).cookies
    assert not get().cookies


def test_its_policy_runs_only_the_gateways_own_files(embedded: System) -> None:
    found = policy(get(token=token_of(embedded)))

    assert found["default-src"] == "'none'"
    assert found["script-src"] == found["style-src"] == found["connect-src"] == "'self'"
    assert found["base-uri"] == found["form-action"] == "'none'"
    assert "unsafe" not in str(found)


def test_it_has_nothing_inline_that_the_policy_would_block(drillquiz: System) -> None:
    html = words(get(token=token_of(drillquiz)))

    assert "<style" not in html
    assert " style=" not in html
    assert " onclick=" not in html
    assert html.count("<script") == html.count(" src=") + html.count('type="application/json"')


def test_the_allowed_origins_may_frame_it(embedded: System) -> None:
    response = get(token=token_of(embedded))

    assert policy(response)["frame-ancestors"] == f"{SITE} {OTHER_SITE}"
    assert "X-Frame-Options" not in response


def test_nobody_may_frame_it_where_no_origins_are_allowed(drillquiz: System) -> None:
    response = get(token=token_of(drillquiz))

    assert policy(response)["frame-ancestors"] == "'none'"
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/docs", "/admin/login/", "/nowhere"])
def test_other_pages_are_never_framable(embedded: System, path: str) -> None:
    assert get(path)["X-Frame-Options"] == "DENY"


def test_a_missing_token_says_what_to_do() -> None:
    response = get()

    assert response.status_code == 401
    assert "Please open the chat from the site that offers it." in words(response)
    assert policy(response)["frame-ancestors"] == "'none'"


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "x" * 9000, "\x00", "eyJhbGciOiJub25lIn0.e30."])
def test_a_bad_token_says_what_to_do(token: str) -> None:
    response = get(token=token)

    assert response.status_code == 401
    assert "This link is not valid or not complete." in words(response)
    assert "Traceback" not in words(response)


def test_a_token_of_another_secret_says_what_to_do(drillquiz: System) -> None:
    token = token_of(drillquiz)
    SigningSecret.objects.all().delete()
    SigningSecret.objects.create(system=drillquiz)

    assert get(token=token).status_code == 401


def test_an_expired_token_says_so_also_in_the_widgets_frame(embedded: System) -> None:
    response = get(token=token_of(embedded, lifetime=timedelta(hours=-1)))

    assert response.status_code == 401
    assert "This link has expired." in words(response)
    assert policy(response)["frame-ancestors"] == f"{SITE} {OTHER_SITE}"


def test_a_disabled_system_says_so(drillquiz: System) -> None:
    token = token_of(drillquiz)
    drillquiz.enabled = False
    drillquiz.save()

    response = get(token=token)

    assert response.status_code == 403
    assert "This chat is currently not available." in words(response)


def test_a_reload_without_the_token_gets_the_page_and_its_frame_rule_again(embedded: System) -> None:
    seat = get(token=token_of(embedded)).context["data"]["seat"]

    response = get(seat=seat)

    assert response.status_code == 200
    assert policy(response)["frame-ancestors"] == f"{SITE} {OTHER_SITE}"


@pytest.mark.django_db
@pytest.mark.parametrize("seat", ["drillquiz", "WyJkcmlsbHF1aXoiLCJ4Il0:forged", "\x00", ""])
def test_a_forged_seat_is_a_missing_token(seat: str) -> None:
    assert get(seat=seat).status_code == 401


def test_a_seat_is_no_token(drillquiz: System) -> None:
    seat = get(token=token_of(drillquiz)).context["data"]["seat"]

    assert get(token=seat).status_code == 401
    assert Client().get("/v1/conversations", headers={"Authorization": f"Bearer {seat}"}).status_code == 401


def test_two_users_have_different_seats_that_do_not_name_them(drillquiz: System) -> None:
    seats = [get(token=token_of(drillquiz, user)).context["data"]["seat"] for user in ("alice", "bob")]

    assert seats[0] != seats[1]
    assert "alice" not in str(page.system_of(seats[0])) + seats[0]


@pytest.mark.parametrize(
    ("lang", "accept_language", "expected"),
    [
        ("ko", "", "ko"),
        ("ko", "ja", "ko"),
        ("", "ja,en;q=0.5", "ja"),
        ("", "fr,es;q=0.5", "es"),
        ("zh-TW", "", "zh"),
        ("zh_CN", "", "zh"),
        ("", "zh-Hant-TW", "zh"),
        ("es-MX", "", "es"),
        ("xx", "ko", "ko"),
        ("", "xx", "en"),
        ("\x00", "", "en"),
        ("", "", "en"),
    ],
)
def test_it_speaks_lang_else_the_browsers_language(lang: str, accept_language: str, expected: str) -> None:
    response = get(accept_language=accept_language, **({"lang": lang} if lang else {}))

    assert response["Content-Language"] == expected
    assert f'<html lang="{expected}"' in words(response)


def test_the_refusal_is_in_the_users_language() -> None:
    assert "채팅을 열 수 없습니다" in words(get(lang="ko"))


def test_embed_is_the_compact_form(drillquiz: System) -> None:
    assert 'class="embed"' in words(get(token=token_of(drillquiz), embed="1"))
    assert 'class="embed"' not in words(get(token=token_of(drillquiz), embed="0"))


def test_hostile_parameters_are_only_text(drillquiz: System) -> None:
    drillquiz.name = "</script><script>alert(1)</script>"
    drillquiz.save()

    html = get(token=token_of(drillquiz), lang='"><script>alert(2)</script>').content.decode()

    assert "<script>alert" not in html


def test_the_token_is_never_logged(drillquiz: System, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens_seen = [token_of(drillquiz), token_of(drillquiz, lifetime=timedelta(hours=-1)), "not-a-token-at-all"]

    for token in tokens_seen:
        get(token=token)

    assert not [token for token in tokens_seen if token in caplog.text]


def test_only_reading_is_allowed(drillquiz: System) -> None:
    assert Client().post("/chat").status_code == 405
    assert Client().head("/chat", {"token": token_of(drillquiz)}).status_code == 200


def test_every_module_of_the_page_is_preloaded() -> None:
    from django.conf import settings

    files = {path.stem for path in (settings.BASE_DIR / "static" / "chat").glob("*.js")}

    assert files - {"page", "refused"} == set(page.MODULES)


# A sandboxed frame has no origin of its own ----------------------------------------------------------------------


def test_a_page_in_a_sandboxed_frame_may_call_with_its_token(drillquiz: System) -> None:
    headers = {"Origin": "null", "Authorization": f"Bearer {token_of(drillquiz)}"}

    for response in (
        Client().get("/v1/conversations", headers=headers),
        Client().post("/chat/render", {"texts": ["*x*"]}, content_type="application/json", headers=headers),
    ):
        assert response.status_code == 200
        assert response["Access-Control-Allow-Origin"] == "null"
        assert "Access-Control-Allow-Credentials" not in response


def test_its_preflight_is_answered() -> None:
    asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization,content-type"}

    response = Client().options("/v1/conversations/x", headers={"Origin": "null", **asked})

    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (204, "null")
    assert "DELETE" in response["Access-Control-Allow-Methods"]


def test_keys_are_not_accepted_from_there(drillquiz: System) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}

    preflight = Client().options("/v1/conversations", headers={"Origin": "null", **asked})
    call = Client().get("/v1/conversations", headers={"Origin": "null", "X-API-Key": "sk_x"})

    assert "Access-Control-Allow-Origin" not in preflight
    assert "Access-Control-Allow-Origin" not in call
