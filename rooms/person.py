"""Who is asking: somebody of a system, or the system itself."""

from dataclasses import dataclass
from datetime import datetime

from tenants.models import System


@dataclass(frozen=True, slots=True)
class Person:
    system: System
    user_id: str  # empty: the system itself
    name: str = ""
    email: str = ""
    profile_url: str = ""
    role: str = ""
    expires_at: datetime | None = None  # when what proved it ends
    trip_id: str = ""
    trip_role: str = ""
    service: bool = False  # a server of the system's, which may manage every room
