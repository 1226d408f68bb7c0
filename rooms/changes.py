"""Changes in the admin that sockets must learn of at once, and not when their process next looks by itself."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from rooms import bell
from rooms.models import Room
from tenants.models import System


@receiver(post_save, sender=System)
def system_changed(**_: Any) -> None:
    transaction.on_commit(lambda: bell.ring(None))


@receiver(post_delete, sender=Room)
def room_deleted(instance: Room, **_: Any) -> None:
    room_id = instance.pk
    transaction.on_commit(lambda: bell.ring(room_id))
