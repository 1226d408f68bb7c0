"""The systems of the old gateway's database, as this one writes them. Those that are here already stay as they are."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from dify.addresses import service_url
from tenants.legacy_env import system_id_of
from tenants.models import System
from tenants.origins import normalized_origin

NO = {"0", "false", "f", "no", "off", "n"}
MAX_NAME = 120


@dataclass
class Systems:
    """`here` is each old id's system; an id that is missing in it has none. `notes` never have a secret in them."""

    here: dict[str, System] = field(default_factory=dict)
    new: list[System] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # old ids that no system can have

    def _look_up(self, old_id: str) -> None:
        wanted = system_id_of(old_id)
        found = None if wanted in self._taken() else System.objects.filter(pk=wanted).first() if wanted else None
        if found is None:
            self.notes.append(f"“{old_id}” is not here. Create it or run import_env, then run this again for the rest.")
            self.refused.append(old_id)
            return
        self.here[old_id] = found
        self._note_other_name(old_id, found)

    def _taken(self) -> set[str]:
        return {system.pk for system in self.here.values()}

    def look_up(self, old_ids: Iterable[str]) -> None:
        """Those that the old gateway knew from its environment only. Again, who is called so comes first."""
        for old_id in sorted(old_ids, key=lambda old_id: old_id != system_id_of(old_id)):
            if old_id not in self.here and old_id not in self.refused:
                self._look_up(old_id)

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Who is called here as there comes first: nobody else may take that name."""
        for row in sorted(rows, key=lambda row: row["system_id"] != system_id_of(str(row["system_id"]))):
            self._take(str(row["system_id"]), row)

    def _take(self, old_id: str, row: Mapping[str, Any]) -> None:
        wanted = system_id_of(old_id)
        if not wanted or wanted in self._taken():
            why = f"{wanted} is another system" if wanted else "letters, digits and hyphens only"
            self.notes.append(f"“{old_id}” cannot be a system id here: {why}. Nothing of it is taken.")
            self.refused.append(old_id)
            return
        existing = System.objects.filter(pk=wanted).first()
        if existing:
            self.notes.append(f"{wanted} exists here and stays as it is.")
        self.here[old_id] = existing or self._made(wanted, old_id, row)
        self._note_other_name(old_id, self.here[old_id])

    def _note_other_name(self, old_id: str, system: System) -> None:
        if old_id == system.pk:
            return
        self.notes.append(f"“{old_id}” is called {system.pk} here. Its clients must send that.")
        if system.dify_user_prefix != old_id:
            self.notes.append(
                f"{system.pk}: Dify knows its users as {old_id}_…. Set that in the admin, at “Dify knows users as”, or "
                "their conversations cannot go on, and sync_dify will mark them as deleted."
            )

    def _made(self, system_id: str, old_id: str, row: Mapping[str, Any]) -> System:
        system = System(
            system_id=system_id,
            dify_user_prefix="" if old_id == system_id else old_id,
            name=(text(row.get("display_name")) or system_id.replace("-", " ").title())[:MAX_NAME],
            enabled=text(row.get("enabled")).lower() not in NO,
            allowed_origins="\n".join(self._origins(system_id, row.get("allowed_origins"))),
        )
        self._give_dify(system, text(row.get("dify_base_url")), text(row.get("dify_api_key")))
        self.new.append(system)
        return system

    def _give_dify(self, system: System, address: str, key: str) -> None:
        """A key goes nowhere but where it went before: without a usable address it is left out."""
        try:
            system.dify_base_url = service_url(address) if address else ""
        except ValidationError:
            self.notes.append(f"{system.pk}: its Dify address is no http(s) address. Set address and key in the admin.")
            return
        if key.isprintable():
            system.dify_api_key = key
        if not key or not key.isprintable():
            self.notes.append(f"{system.pk} has no app key of its own. Give it one in the admin if it needs one.")

    def _origins(self, system_id: str, value: Any) -> list[str]:
        found = []
        for part in origins_in(value):
            try:
                found.append(normalized_origin(part))
            except (ValidationError, UnicodeError):
                self.notes.append(f"{system_id}: “{part}” is left out of its allowed origins. Name each site.")
        return list(dict.fromkeys(found))


def text(value: Any) -> str:
    return "" if value is None else str(value).replace("\0", "").strip()


def origins_in(value: Any) -> list[str]:
    """From a JSON list, in text or not, or from text with commas, spaces or lines between."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            value = value.strip("[] ").replace('"', "").replace("'", "")
    parts = [str(part) for part in value] if isinstance(value, list) else [text(value)]
    return [word for part in parts for word in part.replace(",", " ").split()]
