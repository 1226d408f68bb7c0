"""The gateway's settings as the tests use them: nothing of the machine's own configuration shines through."""

import os

for name in [name for name in os.environ if name.startswith(("DIFY_", "CHAT_", "JWT_", "ALLOWED_", "PUBLIC_"))]:
    del os.environ[name]
os.environ |= {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "only-for-tests-" + "0123456789abcdef" * 3,
    "ENCRYPTION_KEYS": "c6KSR7a3cyC1EUQ4b8B5aJ0e2WvJgC3b7dZbO3n8mXk=",
    "DEBUG": "off",
}

from gateway_project.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"  # noqa: F405
WHITENOISE_AUTOREFRESH = True
