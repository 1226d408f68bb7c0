"""Everything one running stand-in consists of."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dify.standin.exchange import Request
from dify.standin.profiles import App
from dify.standin.store import Store
from dify.standin.tempo import Tempo
from dify.standin.versions import Version

if TYPE_CHECKING:
    from dify.standin.turns import Turn


@dataclass(slots=True)
class World:
    version: Version
    apps: Mapping[str, App]  # by app key
    tempo: Tempo
    store: Store
    running: dict[str, "Turn"] = field(default_factory=dict)  # by task id
    requests: deque[Request] | None = None  # what arrived, if anybody wants to know
