"""How rooms above this one take part when a person is erased or given what is kept of them."""

from django.dispatch import Signal

# system_id, user_id, dry_run → {"what it is called": how many rows went, or would go}
user_erased = Signal()

# system_id, user_id → {"what it is called": an iterable of JSON objects}; empty lists for somebody unknown
user_exported = Signal()
