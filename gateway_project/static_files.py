"""Static files under names that carry their hash, JavaScript modules included.

Without this, modules would import each other under plain names that browsers may have cached, and after an upgrade
somebody would run a mixture of old and new ones.
"""

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]


class HashedModulesStorage(CompressedManifestStaticFilesStorage):
    support_js_module_import_aggregation = True
