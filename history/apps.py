from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class HistoryConfig(AppConfig):
    name = "history"
    verbose_name = "History"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from history.search import sqlite, sqlite_index

        connection_created.connect(sqlite.teach)
        post_migrate.connect(sqlite_index.mend, sender=self)
