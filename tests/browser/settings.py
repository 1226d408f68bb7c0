"""The gateway as it runs in production, static files and all, in a place of its own."""

import os
from pathlib import Path

from tests.settings import *  # noqa: F403
from tests.settings import STORAGES

STATIC_ROOT = Path(os.environ["TEST_STATIC_ROOT"])
STORAGES["staticfiles"]["BACKEND"] = "gateway_project.static_files.HashedModulesStorage"
WHITENOISE_AUTOREFRESH = False
CHAT_GATEWAY_JWT_SECRET = os.environ.get("TEST_JWT_SECRET", "")
