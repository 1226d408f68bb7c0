from django.apps import AppConfig


class RoomsConfig(AppConfig):
    name = "rooms"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from history import signals
        from rooms import changes, cors, erasure  # noqa: F401, receivers must be there before the first request

        signals.user_erased.connect(erasure.erase)
        signals.user_exported.connect(erasure.export)
