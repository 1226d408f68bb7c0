"""`manage.py import_env`: moving over from the FastAPI gateway."""

from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from dify.standin.server import StandIn
from tenants import directory
from tenants.models import ApiKey, SigningSecret, System
from tests.gateway import Gateway
from tests.processes import ROOT

SECRET = "0123456789abcdef0123456789abcdef"
KEY = "old-key-of-the-quiz-backend"


class Import:
    """Runs the command on a file with these variables, and keeps what it said."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.capsys = capsys

    def __call__(self, **variables: str) -> str:
        self.path.write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
        call_command("import_env", str(self.path))
        return self.capsys.readouterr().out


@pytest.fixture
def import_env(transactional_db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    return Import(tmp_path / "old.env", capsys)


def old_token(system_id: str, secret: str = SECRET) -> str:
    """As the old gateway made them: without a key id."""
    expires = timezone.now() + timedelta(hours=1)
    return jwt.encode({"system_id": system_id, "user_id": "alice", "exp": expires}, secret, algorithm="HS256")


def test_old_keys_and_tokens_keep_working(import_env: Import, dify: StandIn) -> None:
    import_env(
        DIFY_DRILLQUIZ_BASE_URL=dify.url,
        DIFY_DRILLQUIZ_API_KEY="app-demo-chat",
        CHAT_GATEWAY_API_KEY=KEY,
        CHAT_GATEWAY_JWT_SECRET=SECRET,
    )
    by_key = Gateway({"X-API-Key": KEY}, user_id="alice", system_id="drillquiz")
    by_token = Gateway({"Authorization": f"Bearer {old_token('drillquiz')}"})

    assert by_key.say("Hello").status_code == 200
    assert by_token.say("Hello").status_code == 200


def test_a_key_is_for_all_systems_where_there_are_several(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz,cointutor", CHAT_GATEWAY_API_KEY=KEY)
    assert ApiKey.objects.get().system is None
    assert "API key 1: a secret key of all systems" in said
    assert "Issue one for each system in the admin, then revoke these." in said


def test_a_key_is_for_the_only_system_where_there_is_one(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz", DIFY_COINTUTOR_API_KEY="app-coin", CHAT_GATEWAY_API_KEY=KEY)
    assert ApiKey.objects.get().system_id == "drillquiz"
    assert "API key 1: a secret key of drillquiz" in said


def test_every_key_of_the_list_comes_and_a_short_one_with_a_warning(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz", CHAT_GATEWAY_API_KEY=f" {KEY} ,, short ")
    assert directory.key_presented(KEY).live
    assert directory.key_presented("short").live
    assert "CHAT_GATEWAY_API_KEY: key 2 works, but is short enough to guess." in said


def test_a_system_has_its_own_dify_or_the_shared_one(import_env: Import, settings: Settings) -> None:
    settings.DIFY_BASE_URL, settings.DIFY_API_KEY = "https://dify.example.com/v1", "app-shared"
    import_env(
        DIFY_BASE_URL="https://dify.example.com",
        DIFY_API_KEY="app-shared",
        DIFY_COIN_TUTOR_BASE_URL="https://coin.example.com/",
        DIFY_COIN_TUTOR_API_KEY="app-coin",
        DIFY_DRILLQUIZ_API_KEY="app-drill",
        DIFY_OTHER_BASE_URL="https://other.example.com/v1/",
        ALLOWED_SYSTEM_IDS="coin-tutor,drillquiz,other,plain",
    )
    assert {system.pk: system.dify_credentials for system in System.objects.all()} == {
        "coin-tutor": ("https://coin.example.com/v1", "app-coin"),
        "drillquiz": ("https://dify.example.com/v1", "app-drill"),
        "other": ("https://other.example.com/v1", "app-shared"),
        "plain": ("https://dify.example.com/v1", "app-shared"),
    }


def test_it_says_that_the_shared_dify_must_be_in_the_new_env(import_env: Import, settings: Settings) -> None:
    variables = {"DIFY_BASE_URL": "https://dify.example.com", "DIFY_API_KEY": "app-shared", "ALLOWED_SYSTEM_IDS": "a"}
    assert "copy them into this gateway's .env" in import_env(**variables)
    settings.DIFY_BASE_URL, settings.DIFY_API_KEY = "https://dify.example.com/v1", "app-shared"
    assert "copy them into this gateway's .env" not in import_env(**variables)


def test_an_id_that_changes_or_cannot_be_is_named(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="coin_tutor, DrillQuiz, my school")
    assert set(System.objects.values_list("pk", flat=True)) == {"coin-tutor", "drillquiz"}
    assert System.objects.get(pk="coin-tutor").dify_user_prefix == "coin_tutor"
    assert System.objects.get(pk="drillquiz").dify_user_prefix == "DrillQuiz"
    assert "“coin_tutor” is called coin-tutor here. Its clients must send that." in said
    assert "“DrillQuiz” is called drillquiz here." in said
    assert "“my school” cannot be a system id" in said


def test_a_system_that_the_old_gateway_refused_comes_disabled(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz", DIFY_COINTUTOR_API_KEY="app-coin")
    assert System.objects.get(pk="drillquiz").enabled
    assert not System.objects.get(pk="cointutor").enabled
    assert "cointutor is not in ALLOWED_SYSTEM_IDS, so it is created disabled." in said


def test_origins_go_to_every_system_and_bad_ones_are_named(import_env: Import) -> None:
    said = import_env(
        ALLOWED_SYSTEM_IDS="drillquiz,cointutor",
        ALLOWED_CHAT_TOKEN_ORIGINS="HTTPS://Quiz.example.com:443/, http://localhost:3000,*,quiz.example.com",
    )
    for system in System.objects.all():
        assert system.origins == ["https://quiz.example.com", "http://localhost:3000"]
    assert "“*” would let any site ask for tokens." in said
    assert "“quiz.example.com” is not an origin" in said


def test_the_older_name_of_the_secret_is_read_too(import_env: Import) -> None:
    import_env(ALLOWED_SYSTEM_IDS="drillquiz", JWT_SECRET=SECRET)
    assert Gateway({"Authorization": f"Bearer {old_token('drillquiz')}"}).get("/v1/conversations").status_code == 503


def test_of_two_secrets_the_one_that_was_used_comes(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz", CHAT_GATEWAY_JWT_SECRET=SECRET, JWT_SECRET="x" * 32)
    assert SigningSecret.objects.get().secret.reveal() == SECRET
    assert "JWT_SECRET differs from CHAT_GATEWAY_JWT_SECRET" in said


def test_a_short_secret_is_left_to_the_environment(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz", JWT_SECRET="too-short")
    assert not SigningSecret.objects.exists()
    assert "JWT_SECRET is shorter than 32 bytes. Set it as CHAT_GATEWAY_JWT_SECRET in this gateway's .env" in said


def test_a_second_run_changes_nothing(import_env: Import) -> None:
    variables = {
        "DIFY_DRILLQUIZ_API_KEY": "app-drill",
        "DIFY_BASE_URL": "https://dify.example.com",
        "ALLOWED_SYSTEM_IDS": "drillquiz,cointutor",
        "CHAT_GATEWAY_API_KEY": KEY,
        "CHAT_GATEWAY_JWT_SECRET": SECRET,
        "ALLOWED_CHAT_TOKEN_ORIGINS": "https://quiz.example.com",
    }
    import_env(**variables)
    before = everything()
    said = import_env(**variables)

    assert everything() == before
    assert said.count(": unchanged") == 3


def everything() -> list[object]:
    return [list(model.objects.order_by("pk").values()) for model in (System, ApiKey, SigningSecret)]


def test_what_an_operator_changed_stays(import_env: Import) -> None:
    variables = {
        "DIFY_DRILLQUIZ_API_KEY": "app-drill",
        "CHAT_GATEWAY_API_KEY": KEY,
        "CHAT_GATEWAY_JWT_SECRET": SECRET,
        "ALLOWED_CHAT_TOKEN_ORIGINS": "https://quiz.example.com",
    }
    import_env(**variables)
    system = System.objects.get()
    system.name, system.enabled, system.dify_api_key = "Drill!", False, "app-better"
    system.allowed_origins = "https://new.example.com"
    system.save()
    system.signing_secrets.update(retired_at=timezone.now())
    ApiKey.objects.update(revoked_at=timezone.now())
    before = everything()

    said = import_env(**variables)

    assert everything() == before
    assert "drillquiz: kept its Dify app, which differs, kept its allowed origins, which differ" in said
    assert "API key 1: stays revoked or expired" in said


def test_secrets_of_an_existing_system_are_not_joined_by_the_shared_one(import_env: Import) -> None:
    system = System.objects.create(system_id="drillquiz", name="DrillQuiz")
    SigningSecret.objects.create(system=system)
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz", CHAT_GATEWAY_JWT_SECRET=SECRET)
    assert SigningSecret.objects.count() == 1
    assert "kept its signing secrets, which differ" in said


def test_a_demo_system_gets_the_real_thing(import_env: Import, tmp_path: Path) -> None:
    call_command("setup_demo", "--standin=http://127.0.0.1:8090", f"--memory={tmp_path / 'demo.json'}")
    import_env(
        DIFY_DRILLQUIZ_BASE_URL="https://dify.example.com",
        DIFY_DRILLQUIZ_API_KEY="app-drill",
        CHAT_GATEWAY_JWT_SECRET=SECRET,
    )
    system = System.objects.get(pk="drillquiz")
    assert system.dify_credentials == ("https://dify.example.com/v1", "app-drill")
    assert system.signing_secrets.count() == 2


def test_secrets_never_reach_the_screen(import_env: Import) -> None:
    said = import_env(
        DIFY_DRILLQUIZ_BASE_URL="https://user:hunter2@dify.example.com",
        DIFY_DRILLQUIZ_API_KEY="app-hidden",
        DIFY_API_KEY="app-hidden-too",
        CHAT_GATEWAY_API_KEY="hidden-key,hidden-key-that-is-long-enough",
        JWT_SECRET="hidden-secret",
    )
    assert "drillquiz: created" in said
    assert "hidden" not in said
    assert "hunter2" not in said


def test_variables_it_does_not_know_are_named(import_env: Import) -> None:
    said = import_env(ALLOWED_SYSTEM_IDS="drillquiz", LOG_FORMAT="json", CORS="*")
    assert "Not read:\n  CORS, LOG_FORMAT\n" in said


def test_the_example_in_the_docs_is_true(import_env: Import, settings: Settings) -> None:
    settings.DIFY_BASE_URL, settings.DIFY_API_KEY = "https://dify.example.com/v1", "app-shared"
    said = import_env(
        DIFY_BASE_URL="https://dify.example.com/v1",
        DIFY_API_KEY="app-shared",
        DIFY_DRILLQUIZ_API_KEY="app-drill",
        DIFY_COIN_TUTOR_BASE_URL="https://coin.example.com/v1",
        DIFY_COIN_TUTOR_API_KEY="app-coin",
        CHAT_GATEWAY_JWT_SECRET=SECRET,
        CHAT_GATEWAY_API_KEY=KEY,
        ALLOWED_SYSTEM_IDS="drillquiz,coin_tutor",
        ALLOWED_CHAT_TOKEN_ORIGINS="https://quiz.example.com,*",
        LOG_FORMAT="json",
    )
    assert f"$ python manage.py import_env old.env\n{said}```" in (ROOT / "docs" / "moving.md").read_text()


def test_without_a_file_it_reads_the_environment(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALLOWED_SYSTEM_IDS", "drillquiz")
    call_command("import_env")
    assert System.objects.get().pk == "drillquiz"
    assert "Not read" not in capsys.readouterr().out


def test_without_a_system_it_says_what_is_missing(import_env: Import) -> None:
    said = import_env(CHAT_GATEWAY_JWT_SECRET=SECRET, ALLOWED_CHAT_TOKEN_ORIGINS="https://quiz.example.com")
    assert "There is nothing to import" in said
    assert "No system is named. List those that clients send in ALLOWED_SYSTEM_IDS, and run this again." in said


def test_a_file_that_cannot_be_read_is_an_error(transactional_db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("import_env", str(tmp_path / "missing.env"))
    broken = tmp_path / "broken.env"
    broken.write_bytes(b"DIFY_API_KEY=\xff")
    with pytest.raises(CommandError, match="is not UTF-8 text"):
        call_command("import_env", str(broken))
