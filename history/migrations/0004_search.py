"""The extension that the search needs on PostgreSQL. The index itself is made by 0007_search_index, once and for all."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import ProgrammingError, migrations


class Trigrams(TrigramExtension):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        except ProgrammingError as error:
            raise ProgrammingError(
                "The search needs PostgreSQL's extension pg_trgm, and this role may not create it. Let a superuser run "
                "CREATE EXTENSION pg_trgm in this database, or grant CREATE on the database, and migrate again."
            ) from error

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        """It stays: something else may use it."""


class Migration(migrations.Migration):
    dependencies = [("history", "0003_cache_archive_erasure")]

    operations = [Trigrams()]
