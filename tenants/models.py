"""Who may call: systems, their API keys and their signing secrets."""

import hashlib
import secrets
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from dify.addresses import service_url
from tenants.origins import normalized_origins
from tenants.sealed import SealedField
from tenants.time_zones import validate_time_zone

SYSTEM_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
MAX_TOKEN_LIFETIME = timedelta(days=30)
MIN_SECRET_BYTES = 32
VISIBLE_KEY_CHARACTERS = 11  # "sk_" and eight more: enough to tell keys apart, useless to guess the rest


def new_secret() -> str:
    """256 bits of randomness as URL-safe text of 43 characters."""
    return secrets.token_urlsafe(32)


class System(models.Model):
    """A client system, such as DrillQuiz, and the Dify app that answers its users."""

    class Algorithm(models.TextChoices):
        HS256 = "HS256", "HS256, with the signing secrets below"
        RS256 = "RS256", "RS256, with the keys at the JWKS address"
        ES256 = "ES256", "ES256, with the keys at the JWKS address"
        EDDSA = "EdDSA", "EdDSA, with the keys at the JWKS address"

    # No underscore: Dify's user is "{system_id}_{user_id}" and must split one way only.
    system_id = models.CharField(
        "system id",
        primary_key=True,
        max_length=64,
        validators=[RegexValidator(SYSTEM_ID, "Use lower-case letters, digits and hyphens.")],
        help_text="Lower-case letters, digits and hyphens, such as drillquiz. It cannot be changed later.",
    )
    name = models.CharField(max_length=120)
    enabled = models.BooleanField(default=True, help_text="A disabled system is refused everywhere; nothing is lost.")
    dify_base_url = models.CharField(
        "Dify base URL",
        max_length=500,
        blank=True,
        help_text="Such as https://dify.example.com/v1; the /v1 may be left out. Empty: the gateway's shared Dify.",
    )
    dify_api_key = SealedField("Dify app key", blank=True, default="")
    dify_user_prefix = models.CharField(
        "Dify knows users as",
        max_length=64,
        blank=True,
        help_text="What stands before _user_id in Dify, for a system that had another id there. Empty: the system id.",
    )
    allowed_origins = models.TextField(
        blank=True,
        help_text="One a line, such as https://www.example.com: who may embed the chat page and ask for tokens.",
    )
    token_lifetime = models.DurationField(
        default=timedelta(hours=24),
        validators=[MinValueValidator(timedelta(minutes=1)), MaxValueValidator(MAX_TOKEN_LIFETIME)],
        help_text="How long a token of GET /v1/chat-token lives: hh:mm:ss, at most 30 days.",
    )
    identity_proof = models.BooleanField(
        "require identity proof",
        default=True,
        help_text="A browser that names a user must prove it with user_hash. Switched off, anyone who opens the "
        "site can read the chats of anyone whose user id they can guess.",
    )
    identity_secret = SealedField(default=new_secret, editable=False)
    jwt_algorithm = models.CharField("JWT algorithm", max_length=5, choices=Algorithm, default=Algorithm.HS256)
    jwks_url = models.URLField("JWKS address", blank=True)
    jwt_issuer = models.CharField("JWT issuer", max_length=200, blank=True, help_text="If given, iss must be this.")
    jwt_audience = models.CharField("JWT audience", max_length=200, blank=True, help_text="If given, aud must be this.")
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        validators=[validate_time_zone],
        help_text="Such as Asia/Seoul: when a day of its history begins and ends. Empty: the gateway's own.",
    )
    retention_days = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: keep what was said for good.")
    operators = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="systems",
        limit_choices_to={"is_staff": True},
        help_text="Staff who see and change this system. Superusers see all.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["system_id"]

    def __str__(self) -> str:
        return self.system_id

    def clean(self) -> None:
        self.allowed_origins = normalized_origins(self.allowed_origins)
        if self.dify_base_url:
            self.dify_base_url = service_url(self.dify_base_url)
        if self.jwt_algorithm != self.Algorithm.HS256 and not self.jwks_url:
            raise ValidationError({"jwks_url": "This algorithm needs the address of the public keys."})

    @property
    def origins(self) -> list[str]:
        return self.allowed_origins.split()

    @property
    def tz(self) -> tzinfo:
        return ZoneInfo(self.time_zone or settings.TIME_ZONE)

    @property
    def dify_credentials(self) -> tuple[str, str]:
        """Base URL and app key, the system's own or the shared fallback; empty where there is neither.

        The shared key goes to the shared address only: else whoever may edit a system could have it sent to a
        server of theirs. Raises SecretUnreadable.
        """
        if self.dify_base_url:
            return self.dify_base_url, self.dify_api_key.reveal()
        return settings.DIFY_BASE_URL, self.dify_api_key.reveal() or settings.DIFY_API_KEY


class ApiKey(models.Model):
    """What a caller proves itself with. Only its hash is kept: a random 256-bit key needs no slow hash."""

    class Kind(models.TextChoices):
        SECRET = "secret", "secret: for servers, everything of its system"
        PUBLISHABLE = "publishable", "publishable: for browsers, chat tokens from allowed origins only"

    PREFIXES = {Kind.SECRET: "sk_", Kind.PUBLISHABLE: "pk_"}

    system = models.ForeignKey(
        System, models.CASCADE, null=True, blank=True, related_name="api_keys", help_text="Empty: all systems."
    )
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.SECRET)
    name = models.CharField(max_length=120, blank=True, help_text="Who uses it, such as “quiz backend”.")
    prefix = models.CharField(max_length=VISIBLE_KEY_CHARACTERS, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @staticmethod
    def hash_of(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def issue(cls, system: System | None, kind: str = Kind.SECRET, **fields: object) -> tuple["ApiKey", str]:
        """A new key and its text, which exists nowhere else and can be shown this once."""
        text = cls.PREFIXES[cls.Kind(kind)] + new_secret()
        return cls.adopt(system, text, kind=kind, **fields), text

    @classmethod
    def adopt(cls, system: System | None, text: str, **fields: object) -> "ApiKey":
        """Keeps a key that somebody else made. At most half of it becomes visible."""
        prefix = text[: min(VISIBLE_KEY_CHARACTERS, len(text) // 2)]
        return cls.objects.create(system=system, prefix=prefix, key_hash=cls.hash_of(text), **fields)

    @property
    def live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


def new_kid() -> str:
    return secrets.token_hex(4)


class SigningSecret(models.Model):
    """Signs and checks a system's HS256 tokens. Two live at once let a rotation overlap."""

    system = models.ForeignKey(System, models.CASCADE, related_name="signing_secrets")
    secret = SealedField(default=new_secret)
    kid = models.CharField("key id", max_length=64, default=new_kid)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["system", "kid"], name="kid_once_per_system")]

    def __str__(self) -> str:
        return self.kid

    @property
    def live(self) -> bool:
        return self.retired_at is None
