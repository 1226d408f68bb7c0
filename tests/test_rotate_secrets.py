"""`manage.py rotate_secrets`: everything under the newest key."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tenants.models import SigningSecret, System

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def drillquiz_under_the_old_key(settings: Settings, transactional_db: None) -> System:
    settings.ENCRYPTION_KEYS = [OLD]
    system = System.objects.create(
        system_id="drillquiz", name="DrillQuiz", dify_api_key="app-drill", identity_secret="proof"
    )
    SigningSecret.objects.create(system=system, secret="s" * 32)
    return system


def test_afterwards_the_old_key_is_not_needed(
    drillquiz_under_the_old_key: System, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_secrets")

    assert capsys.readouterr().out == "3 secrets are encrypted with the newest key.\n"
    settings.ENCRYPTION_KEYS = [NEW]
    system = System.objects.get()
    assert system.dify_api_key.reveal() == "app-drill"
    assert system.identity_secret.reveal() == "proof"
    assert system.signing_secrets.get().secret.reveal() == "s" * 32


def test_it_names_what_no_key_opens_and_rotates_the_rest(
    drillquiz_under_the_old_key: System, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = System.objects.get().dify_api_key.token
    settings.ENCRYPTION_KEYS = [NEW]
    System.objects.create(system_id="cointutor", name="CoinTutor", identity_secret="proof")

    with pytest.raises(CommandError) as raised:
        call_command("rotate_secrets")

    assert "system drillquiz: Dify app key" in str(raised.value)
    assert "system drillquiz: identity secret" in str(raised.value)
    assert "cointutor" not in str(raised.value)
    assert capsys.readouterr().out == "1 secret is encrypted with the newest key.\n"
    assert System.objects.get(pk="drillquiz").dify_api_key.token == before


def test_an_empty_secret_stays_empty(transactional_db: None) -> None:
    System.objects.create(system_id="drillquiz", name="DrillQuiz")
    call_command("rotate_secrets")
    assert System.objects.get().dify_api_key.token == ""
