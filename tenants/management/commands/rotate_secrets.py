"""`manage.py rotate_secrets`: every secret in the database, encrypted anew with the first of ENCRYPTION_KEYS."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models

from tenants.sealed import Sealed, SealedField, SecretUnreadable


class Command(BaseCommand):
    help = "Encrypt every secret in the database with the newest key, the first of ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        rotated, unreadable = 0, []
        for field, pk, sealed in sealed_values():
            try:
                rotated += replace(field, pk, sealed, sealed.rotated())
            except SecretUnreadable:
                unreadable.append(f"{field.model._meta.verbose_name} {pk}: {field.verbose_name}")
        self.stdout.write(f"{rotated} {'secret is' if rotated == 1 else 'secrets are'} encrypted with the newest key.")
        if unreadable:
            lines = "\n  ".join(["No key of ENCRYPTION_KEYS opens these; they are left as they are:", *unreadable])
            raise CommandError(lines)


def sealed_values() -> Iterator[tuple[SealedField, Any, Sealed]]:
    """Every secret of every model: its field, its row's primary key, and itself."""
    for model in apps.get_models():
        for field in model._meta.fields:
            if isinstance(field, SealedField):
                rows = model._base_manager.order_by("pk").values_list("pk", field.attname)
                yield from ((field, pk, sealed) for pk, sealed in list(rows) if sealed)


def replace(field: SealedField, pk: Any, old: Sealed, new: Sealed) -> int:
    """1, or 0 if somebody has changed or deleted it meanwhile: theirs is not overwritten."""
    rows: models.QuerySet[Any] = field.model._base_manager.filter(pk=pk, **{field.attname: old})
    return rows.update(**{field.attname: new})
