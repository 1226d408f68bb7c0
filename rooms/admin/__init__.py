"""The control room of rooms: what is said where and by whom, and what to do about it. One idea a file."""

from rooms.admin.policies import RoomPolicyAdmin
from rooms.admin.rooms import RoomAdmin

__all__ = ["RoomAdmin", "RoomPolicyAdmin"]
