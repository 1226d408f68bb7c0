"""An in-memory server that speaks Dify's Service API, for trying out, demos and tests. It is not Dify.

    with running_standin(version="0.15.3") as standin:
        requests.post(f"{standin.url}/chat-messages", ...)

`manage.py dify_standin` runs the same server in the foreground.
"""

from dify.standin.profiles import DEMO_APPS, KINDS, App, Input
from dify.standin.server import StandIn, running_standin
from dify.standin.tempo import Tempo
from dify.standin.versions import VERSIONS

__all__ = ["DEMO_APPS", "KINDS", "VERSIONS", "App", "Input", "StandIn", "Tempo", "running_standin"]
