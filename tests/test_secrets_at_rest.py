"""What must not be found: keys and secrets in the database, in dumps, in texts; secrets and words in the log."""

import io

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tenants import tokens
from tenants.models import ApiKey, System
from tests.gateway import Gateway

APP_KEY = "app-demo-chat"
WORDS = "Sesame-opens-the-cave"


def raw_database() -> str:
    """Every column of every row of the gateway's own tables, as the database has it."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith("tenants_")]
        found = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            found.extend(cursor.fetchall())
    assert found
    return repr(found)


def secrets_of(system: System) -> list[str]:
    return [
        APP_KEY,
        system.identity_secret.reveal(),
        system.signing_secrets.get().secret.reveal(),
        ApiKey.issue(system)[1],
        ApiKey.issue(system, ApiKey.Kind.PUBLISHABLE)[1],
    ]


def test_the_database_holds_no_secret_in_the_clear(drillquiz: System) -> None:
    wanted = secrets_of(System.objects.get())
    stored = raw_database()

    assert [secret for secret in wanted if secret in stored] == []
    assert ApiKey.hash_of(wanted[-1]) in stored


def test_what_is_stored_can_be_used_again(drillquiz: System) -> None:
    assert System.objects.get().dify_api_key.reveal() == APP_KEY


def test_the_same_secret_looks_different_each_time(drillquiz: System, cointutor: System) -> None:
    assert len({system.dify_api_key.token for system in System.objects.all()}) == 2


def test_a_dump_holds_no_secret_and_no_encrypted_one(drillquiz: System) -> None:
    system = System.objects.get()
    wanted = [*secrets_of(system), system.dify_api_key.token, system.signing_secrets.get().secret.token]
    dump = io.StringIO()
    call_command("dumpdata", "tenants", stdout=dump)

    assert "drillquiz" in dump.getvalue()
    assert [secret for secret in wanted if secret in dump.getvalue()] == []


def test_no_text_of_an_object_shows_a_secret(drillquiz: System) -> None:
    system = System.objects.get()
    wanted = secrets_of(system)
    signing, keys = system.signing_secrets.get(), list(system.api_keys.all())
    objects = [system, system.dify_api_key, system.identity_secret, signing, signing.secret, *keys]
    shown = " ".join(f"{one!r} {one!s} {getattr(one, '__dict__', '')!r}" for one in objects)

    assert [secret for secret in wanted if secret in shown] == []


def test_a_fresh_object_forgets_the_clear_text_once_it_is_saved(drillquiz: System) -> None:
    assert APP_KEY not in repr(drillquiz.__dict__)


# The log ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["", "[[401]]", "[[cut]]", "[[failed]]", "[[html]]", "[[drop]]", "[[http 500]]"])
def test_no_turn_leaves_words_or_secrets_in_the_log(
    drillquiz: System, alice: Gateway, bob: Gateway, log: io.StringIO, trouble: str
) -> None:
    for who in (alice, bob):
        who.say(f"{WORDS} {trouble}", inputs={"name": WORDS})
        who.say(f"{WORDS} {trouble}", response_mode="streaming").close()
        who.get("/v1/conversations")

    assert "urllib3" in log.getvalue()  # it does hear the libraries
    assert [private for private in private_to(drillquiz, alice, bob) if private in log.getvalue()] == []


def test_no_refused_request_leaves_words_or_secrets_in_the_log(
    drillquiz: System, alice: Gateway, bob: Gateway, log: io.StringIO
) -> None:
    token = tokens.issue(drillquiz, "alice")[0]
    for who in (alice, bob):
        who.send("POST", "/v1/chat", f'{{"message": "{WORDS}", '.encode())
        who.say(WORDS, conversation_id="not-a-uuid")
        who.say(WORDS, inputs=WORDS)
        Gateway({name: value + "x" for name, value in who.headers.items()}).say(WORDS)
    Client().get("/chat", {"token": token})

    assert "Bad Request" in log.getvalue()
    assert [private for private in [token, *private_to(drillquiz, alice, bob)] if private in log.getvalue()] == []


def private_to(system: System, alice: Gateway, bob: Gateway) -> list[str]:
    secrets = [system.identity_secret.reveal(), system.signing_secrets.get().secret.reveal()]
    return [WORDS, APP_KEY, alice.headers["X-API-Key"], bob.headers["Authorization"].split()[1], *secrets]
