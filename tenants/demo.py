"""What `./local.sh` sets up to try the gateway with: two systems, a key each, an admin user.

Made once. What an operator changes, revokes or deletes afterwards stays as the operator left it. Keys and passwords
are kept as hashes only, so their text is remembered in a private file, to be shown again.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from tenants.models import ApiKey, SigningSecret, System
from tenants.sealed import Sealed, SecretUnreadable

APP_KEYS = {"drillquiz": "app-demo-chat", "cointutor": "app-demo-chatflow"}  # of the stand-in, dify/standin/profiles.py
NAMES = {"drillquiz": "DrillQuiz", "cointutor": "CoinTutor"}
STANDIN_KEYS = "app-demo-"
ADMIN = "admin"


@dataclass
class Memory:
    """The clear text of what was issued."""

    keys: dict[str, str] = field(default_factory=dict)  # by system_id
    admin_password: str = ""
    rooms: bool = False  # whether rooms were set up, see rooms/demo.py

    @classmethod
    def read(cls, path: Path) -> "Memory":
        """What the file says; nothing if it is lost or damaged."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=2)
        new.replace(path)


@transaction.atomic
def set_up(memory: Memory, standin_url: str) -> list[str]:
    """Makes what was never made, fills `memory`, and returns a sentence for each thing that was done.

    `standin_url` is empty where a real Dify is configured.
    """
    done = [sentence for system_id in APP_KEYS for sentence in set_up_system(system_id, memory, standin_url)]
    return done + set_up_admin(memory)


def set_up_system(system_id: str, memory: Memory, standin_url: str) -> list[str]:
    system = System.objects.filter(pk=system_id).first()
    done = []
    if system is None:
        if system_id in memory.keys:
            return []  # made before, and deleted since
        system = System.objects.create(system_id=system_id, name=NAMES[system_id])
        SigningSecret.objects.create(system=system)
        done.append(f"Created the system {system_id}.")
    done += choose_dify(system, standin_url)
    if system_id not in memory.keys:
        _, memory.keys[system_id] = ApiKey.issue(system, name="local.sh")
        done.append(f"Issued a secret key for {system_id}.")
    return done


def choose_dify(system: System, standin_url: str) -> list[str]:
    """The stand-in while there is nothing better; the shared Dify once it is configured. Never over an operator's."""
    chosen = (standin_url, APP_KEYS[system.system_id]) if standin_url else ("", "")
    if dify_app(system) == chosen or not (uses_standin(system) or dify_app(system) == ("", "")):
        return []
    system.dify_base_url, system.dify_api_key = chosen
    system.save(update_fields=["dify_base_url", "dify_api_key"])
    return [f"{system} now uses {'the Dify stand-in' if standin_url else 'the Dify of DIFY_BASE_URL'}."]


def uses_standin(system: System) -> bool:
    return (dify_app(system)[1] or "").startswith(STANDIN_KEYS)


def dify_app(system: System) -> tuple[str, str | None]:
    """The system's own address and app key; None for a key that cannot be decrypted."""
    return system.dify_base_url, revealed(system.dify_api_key)


def revealed(sealed: Sealed) -> str | None:
    try:
        return sealed.reveal()
    except SecretUnreadable:
        return None


def set_up_admin(memory: Memory) -> list[str]:
    users = get_user_model()._default_manager
    if memory.admin_password or users.filter(is_superuser=True).exists() or users.filter(username=ADMIN).exists():
        return []
    memory.admin_password = secrets.token_urlsafe(15)
    users.create_superuser(username=ADMIN, password=memory.admin_password)
    return [f"Created the admin user {ADMIN}."]


def admin_login(memory: Memory) -> str:
    """How to log in to the admin, as far as it is known."""
    superusers = get_user_model()._default_manager.filter(is_superuser=True, is_active=True).order_by("pk")
    for user in superusers:
        if user.get_username() == ADMIN and memory.admin_password and user.check_password(memory.admin_password):
            return f"{ADMIN} / {memory.admin_password}"
    if not superusers:
        return "nobody can log in; `manage.py createsuperuser` makes a user"
    name = superusers[0].get_username()
    return f"{name}, with its password (`manage.py changepassword {name}` sets a new one)"


def usable_key(system: System, memory: Memory) -> str:
    """The remembered key if it still opens its system, else empty."""
    text = memory.keys.get(system.system_id, "")
    key = ApiKey.objects.filter(key_hash=ApiKey.hash_of(text), system=system).first()
    return text if key and key.live else ""


def default_memory() -> Path:
    return Path(settings.BASE_DIR) / ".local" / "demo.json"
