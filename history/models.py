"""What was said: the ledger of every turn, whoever looks at it and whatever became of the answer.

A foreign key has no index of its own where another index begins with it: each costs every turn.
"""

from django.db import models

from tenants.models import System


class ChatUser(models.Model):
    """A person as their system names them, known from the first turn or the first visit of the page."""

    system = models.ForeignKey(System, models.PROTECT, db_index=False, related_name="chat_users")
    user_id = models.CharField(max_length=256)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "user_id"], name="user_once_per_system")]

    def __str__(self) -> str:
        return f"{self.system_id}/{self.user_id}"


class Conversation(models.Model):
    system = models.ForeignKey(System, models.PROTECT, db_index=False, related_name="conversations")
    user_id = models.CharField(max_length=256)
    conversation_id = models.CharField(max_length=64, help_text="Dify's id.")
    name = models.TextField(blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    synced_at = models.DateTimeField(null=True, help_text="When a sync last read all its messages.")
    synced_until = models.DateTimeField(null=True, help_text="Dify's updated_at at that time, if nothing was open.")
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "conversation_id"], name="conversation_once_per_system")
        ]
        indexes = [
            models.Index(fields=["system", "user_id", "-updated_at", "-id"], name="conversations_of_user"),
            models.Index(fields=["system", "-updated_at", "-id", "created_at"], name="conversations_newest"),
            models.Index(fields=["-updated_at", "-id", "created_at"], name="conversations_newest_of_all"),
        ]

    def __str__(self) -> str:
        return self.conversation_id


class Message(models.Model):
    """What Dify calls a message: one query with its answer. The API shows it as two."""

    class Status(models.TextChoices):
        PENDING = "pending"
        ANSWERED = "answered"
        STOPPED = "stopped"
        FAILED = "failed"

    system = models.ForeignKey(System, models.PROTECT, db_index=False, related_name="messages")
    user_id = models.CharField(max_length=256)
    conversation = models.ForeignKey(
        Conversation,
        models.CASCADE,
        null=True,
        db_index=False,
        related_name="messages",
        help_text="Empty until Dify names it.",
    )
    message_id = models.CharField(max_length=64, null=True, help_text="Dify's id; none before Dify gives it.")  # noqa: DJ001
    task_id = models.CharField(max_length=64, blank=True)
    query = models.TextField()
    answer = models.TextField(blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    error_code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField(null=True)
    model = models.CharField(max_length=100, blank=True, help_text="Where Dify names it, as in workflows.")
    tokens = models.PositiveIntegerField(null=True)
    price = models.DecimalField(max_digits=18, decimal_places=7, null=True)
    currency = models.CharField(max_length=8, blank=True)
    citations = models.JSONField(default=list)
    files = models.JSONField(default=list)
    feedback = models.CharField(max_length=8, blank=True)
    archived_at = models.DateTimeField(null=True, help_text="When its object was stored by archive_history.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "message_id"], name="message_once_per_system")]
        indexes = [
            models.Index(fields=["conversation", "created_at", "id"], name="messages_in_order"),
            models.Index(fields=["system", "user_id", "task_id"], name="messages_by_task"),
            models.Index(fields=["system", "created_at"], name="messages_by_day"),
            models.Index(
                fields=["id"],
                condition=models.Q(archived_at=None) & ~models.Q(status="pending"),
                name="messages_to_archive",
            ),
            # Of those below, history/conditions.py asks for the few in the same words.
            models.Index(
                fields=["system", "created_at", "status", "conversation"],
                condition=models.Q(status__in=["failed", "stopped"]),
                name="messages_unanswered",
            ),
            models.Index(
                fields=["system", "created_at", "feedback", "conversation"],
                condition=~models.Q(feedback=""),
                name="messages_rated",
            ),
            models.Index(
                fields=["system", "created_at"], condition=models.Q(status="pending"), name="messages_running"
            ),
        ]

    def __str__(self) -> str:
        return self.message_id or f"turn {self.pk}"


class Upload(models.Model):
    """Whose file it is. Dify does not tie an uploaded file to its user: anyone who knows the id could attach it."""

    system = models.ForeignKey(System, models.PROTECT, db_index=False, related_name="uploads")
    user_id = models.CharField(max_length=256)
    file_id = models.CharField(max_length=64, help_text="Dify's id.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "file_id"], name="file_once_per_system")]

    def __str__(self) -> str:
        return self.file_id


class Erasure(models.Model):
    """The receipt of one person's erasure: what went where, and what could not go. Nothing that was said."""

    system = models.ForeignKey(System, models.PROTECT, related_name="erasures")
    user_id = models.CharField(max_length=256)
    asked_by = models.CharField(max_length=200, help_text="Who asked for it: a username, or the command line.")
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="Empty if it was interrupted: run it again.")
    report = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.system_id}/{self.user_id}"


class SyncLock(models.Model):
    """The one row that a running sync holds where the database has no locks of its own, as on SQLite."""

    holder = models.CharField(max_length=300, help_text="Host, process and run.")
    beat_at = models.DateTimeField(help_text="When the holder last said that it lives.")

    def __str__(self) -> str:
        return self.holder
