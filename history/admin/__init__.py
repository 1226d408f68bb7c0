"""The people that the ledger knows, and the receipts of those who were erased. One idea a file."""

from history.admin.people import ChatUserAdmin
from history.admin.receipts import ErasureAdmin

__all__ = ["ChatUserAdmin", "ErasureAdmin"]
