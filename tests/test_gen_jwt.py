"""`manage.py gen_jwt`: a chat link."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tenants import tokens
from tenants.models import System


def link(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("gen_jwt", *arguments)
    return capsys.readouterr().out.strip()


def claims(address: str) -> dict[str, Any]:
    token = parse_qs(urlsplit(address).query)["token"][0]
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


def test_it_prints_a_link_that_speaks_for_the_user(
    drillquiz: System, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.PUBLIC_URL = "https://chat.example.com"
    address = link(capsys, "drillquiz", "bob", "--lang", "ko")

    assert address.startswith("https://chat.example.com/chat?token=")
    query = parse_qs(urlsplit(address).query)
    assert query["lang"] == ["ko"]
    caller = tokens.verified(query["token"][0])
    assert (caller.system.system_id, caller.user_id) == ("drillquiz", "bob")


def test_without_arguments_it_is_for_alice_of_the_first_system(
    drillquiz: System, cointutor: System, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (claims(link(capsys))["system_id"], claims(link(capsys))["user_id"]) == ("cointutor", "alice")
    System.objects.filter(pk="cointutor").update(enabled=False)
    assert claims(link(capsys))["system_id"] == "drillquiz"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3600", 3600), ("45s", 45), ("90m", 5400), ("24h", 86_400), ("7D", 604_800), ("30d", 2_592_000)],
)
def test_it_lives_as_long_as_asked(
    drillquiz: System, capsys: pytest.CaptureFixture[str], text: str, seconds: int
) -> None:
    address = link(capsys, "drillquiz", "alice", "--expires", text)
    assert claims(address)["exp"] == pytest.approx(time.time() + seconds, abs=5)
    tokens.verified(parse_qs(urlsplit(address).query)["token"][0])


def test_it_lives_as_long_as_the_system_says_if_not_asked(
    drillquiz: System, capsys: pytest.CaptureFixture[str]
) -> None:
    assert claims(link(capsys))["exp"] == pytest.approx(time.time() + 86_400, abs=5)


@pytest.mark.parametrize("text", ["0", "31d", "soon", "-5", "1.5h", "9999999999"])
def test_it_refuses_an_impossible_lifetime(drillquiz: System, text: str) -> None:
    with pytest.raises(CommandError, match="expires"):
        call_command("gen_jwt", "drillquiz", f"--expires={text}")


def test_an_unknown_system_gets_the_names_of_the_known(drillquiz: System, cointutor: System) -> None:
    with pytest.raises(CommandError, match=r"no system “quiz”\. There are: cointutor, drillquiz"):
        call_command("gen_jwt", "quiz")


def test_a_disabled_system_gets_no_link(drillquiz: System) -> None:
    System.objects.update(enabled=False)
    with pytest.raises(CommandError, match="drillquiz is disabled"):
        call_command("gen_jwt", "drillquiz")


def test_without_any_system_it_says_so(transactional_db: None) -> None:
    with pytest.raises(CommandError, match="There is no system yet"):
        call_command("gen_jwt")


def test_a_system_without_a_secret_gets_the_reason(drillquiz: System, settings: Settings) -> None:
    settings.CHAT_GATEWAY_JWT_SECRET = ""
    drillquiz.signing_secrets.all().delete()
    with pytest.raises(CommandError, match="no signing secret"):
        call_command("gen_jwt", "drillquiz")


def test_a_user_that_the_gateway_would_refuse_is_refused_here(drillquiz: System) -> None:
    with pytest.raises(CommandError, match="user_id: This must have at most 256"):
        call_command("gen_jwt", "drillquiz", "x" * 257)
