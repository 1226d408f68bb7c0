"""Rooms, who is in them and what was said there; and which sockets are open, over all processes.

A foreign key has no index of its own where another index begins with it.
"""

import uuid

from django.db import models

from tenants.models import System


class RoomPolicy(models.Model):
    """How a system's people prove who they are in rooms. A system without one has the defaults."""

    system = models.OneToOneField(System, models.CASCADE, primary_key=True, related_name="room_policy")
    trusted_addresses = models.TextField(
        blank=True,
        help_text="One a line, such as 10.0.0.0/8: gateways that have already checked the user they name.",
    )
    user_id_claim = models.CharField(max_length=100, default="userId", help_text="Of tokens: who it is.")
    name_claim = models.CharField(max_length=100, default="name")
    email_claim = models.CharField(max_length=100, default="email")
    role_claim = models.CharField(max_length=100, default="role")
    trip_id_claim = models.CharField(max_length=100, default="tripId")
    trip_role_claim = models.CharField(max_length=100, default="tripRole")
    profile_url_claim = models.CharField(max_length=100, default="profile_url")
    service_role = models.CharField(
        max_length=100, default="service", help_text="A token with this role is a server's: it may manage every room."
    )
    messages_per_minute = models.PositiveIntegerField(default=120, help_text="For each person and process.")

    class Meta:
        verbose_name_plural = "room policies"

    def __str__(self) -> str:
        return self.system_id


class Room(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    system = models.ForeignKey(System, models.PROTECT, db_index=False, related_name="rooms")
    name = models.CharField(max_length=200, blank=True)
    post_id = models.CharField(max_length=200, blank=True, help_text="The client's own id of what is talked about.")
    trip_id = models.CharField(max_length=200, blank=True)
    members_only = models.BooleanField(default=False, help_text="Only participants read and write.")
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="A closed room can be read, not written.")
    last_message = models.BigIntegerField(default=0, help_text="Id of the newest; 0 before the first.")

    class Meta:
        indexes = [
            models.Index(fields=["system", "-created_at"], name="rooms_newest"),
            models.Index(fields=["system", "post_id"], name="rooms_by_post"),
            models.Index(fields=["system", "trip_id"], name="rooms_by_trip"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class Participant(models.Model):
    room = models.ForeignKey(Room, models.CASCADE, db_index=False, related_name="participants")
    user_id = models.CharField(max_length=256)
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=320, blank=True)
    profile_url = models.CharField(max_length=2000, blank=True)
    role = models.CharField(max_length=100, blank=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True, help_text="When they were taken out.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user_id"], name="participant_once_per_room")]

    def __str__(self) -> str:
        return self.name or self.user_id


class RoomMessage(models.Model):
    """The sender as they were when they said it. Ids grow in the order of a room: see rooms/ledger.py."""

    room = models.ForeignKey(Room, models.CASCADE, db_index=False, related_name="messages")
    sender_id = models.CharField(max_length=256, blank=True, help_text="Empty: the system itself.")
    sender_name = models.CharField(max_length=200, blank=True)
    sender_email = models.CharField(max_length=320, blank=True)
    sender_profile_url = models.CharField(max_length=2000, blank=True)
    sender_role = models.CharField(max_length=100, blank=True)
    text = models.TextField()
    client_id = models.CharField(max_length=100, null=True, help_text="Chosen by the client, so that twice is once.")  # noqa: DJ001
    client_time = models.CharField(
        max_length=64, blank=True, help_text="The timestamp that the client gave, as it was."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "sender_id", "client_id"], name="room_message_once"),
        ]
        indexes = [models.Index(fields=["room", "id"], name="room_messages_in_order")]

    def __str__(self) -> str:
        return f"message {self.pk}"


class Server(models.Model):
    """An ASGI process. One that has not said for a while that it lives is dead, and its connections with it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.id)


class Connection(models.Model):
    """An open socket of a person in a room. Presence counts people: several sockets of one person are one."""

    room = models.ForeignKey(Room, models.CASCADE, db_index=False, related_name="connections")
    server = models.ForeignKey(Server, models.CASCADE, related_name="connections")
    user_id = models.CharField(max_length=256)
    name = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["room", "user_id"], name="connections_of_person")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}"
