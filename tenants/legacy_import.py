"""Stores what the old gateway's variables say.

It creates, and fills in what is empty. What is set already stays as it is, except for what `./local.sh` set to try
the gateway with: a system that answers with made-up text wants the real thing.
"""

from django.db import transaction

from tenants.demo import dify_app, revealed, uses_standin
from tenants.legacy_env import LegacyGateway, LegacySystem
from tenants.models import ApiKey, SigningSecret, System

KID = "imported"
ALL_SYSTEMS = "a secret key of all systems"


@transaction.atomic
def store(old: LegacyGateway) -> list[tuple[str, str]]:
    """(what, what became of it) for each thing, in the order of a report."""
    systems = [(legacy.system_id, ", ".join(store_system(legacy, old))) for legacy in old.systems.values()]
    scope = only_system(old)
    return systems + [(f"API key {place}", store_key(text, scope)) for place, text in enumerate(old.api_keys, start=1)]


def only_system(old: LegacyGateway) -> System | None:
    """The old gateway's one key opened every system; where there is one, that is what the key is for."""
    allowed = [legacy.system_id for legacy in old.systems.values() if legacy.allowed]
    return System.objects.get(pk=allowed[0]) if len(allowed) == 1 else None


def store_system(legacy: LegacySystem, old: LegacyGateway) -> list[str]:
    name = legacy.system_id.replace("-", " ").title()
    system, created = System.objects.get_or_create(
        pk=legacy.system_id, defaults={"name": name, "enabled": legacy.allowed, "dify_user_prefix": legacy.old_id}
    )
    untouched = created or uses_standin(system)
    outcomes = ["created" if system.enabled else "created, disabled"] if created else []
    outcomes += store_dify(system, legacy, untouched)
    outcomes += store_origins(system, old.origins)
    outcomes += store_secret(system, old.jwt_secret, untouched)
    system.save()
    return outcomes or ["unchanged"]


def store_dify(system: System, legacy: LegacySystem, untouched: bool) -> list[str]:
    wanted, current = (legacy.base_url, legacy.app_key), dify_app(system)
    if current == wanted and not untouched:
        return []
    if current != ("", "") and not untouched:
        return ["kept its Dify app, which differs"]
    system.dify_base_url, system.dify_api_key = wanted
    where = legacy.base_url or "the shared Dify"
    return [f"{where} with an app key of its own" if legacy.app_key else where]


def store_origins(system: System, origins: list[str]) -> list[str]:
    if not origins or system.origins == origins:
        return []
    if system.origins:
        return ["kept its allowed origins, which differ"]
    system.allowed_origins = "\n".join(origins)
    return ["1 allowed origin" if len(origins) == 1 else f"{len(origins)} allowed origins"]


def store_secret(system: System, secret: str, untouched: bool) -> list[str]:
    known = [revealed(each.secret) for each in system.signing_secrets.all()]
    if not secret or secret in known:
        return []
    if known and not untouched:
        return ["kept its signing secrets, which differ"]
    SigningSecret.objects.create(system=system, secret=secret, kid=KID)
    return ["a signing secret"]


def store_key(text: str, system: System | None) -> str:
    key = ApiKey.objects.filter(key_hash=ApiKey.hash_of(text)).first()
    if key:
        return "unchanged" if key.live else "stays revoked or expired"
    ApiKey.adopt(system, text, name="imported")
    return f"a secret key of {system}" if system else ALL_SYSTEMS
