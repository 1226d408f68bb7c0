"""The guides as the tests read them: what is fenced, and what runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from markdown_it import MarkdownIt

ROOT = Path(settings.BASE_DIR)
GATEWAY = "https://gateway.example.com"
PUBLISHABLE = "pk_YOUR_PUBLISHABLE_KEY"
GUIDES = ["docs/cointutor.md", "docs/cointutor.ko.md", "docs/drillquiz.md", "docs/drillquiz.ko.md", "sample/README.md"]


@dataclass(frozen=True)
class Block:
    guide: str
    kind: str  # "python", "js" …: the language and, after it, a name
    text: str

    def __str__(self) -> str:
        return f"{self.guide}: {self.kind}"

    @property
    def language(self) -> str:
        return self.kind.partition(" ")[0]


def blocks(guide: str) -> list[Block]:
    tokens = MarkdownIt().parse((ROOT / guide).read_text())
    return [Block(guide, token.info.strip(), token.content) for token in tokens if token.type == "fence"]


def block(guide: str, kind: str) -> Block:
    return next(block for block in blocks(guide) if block.kind == kind)


def up_to(wanted: Block) -> str:
    """The block with those of its language before it, which it may build on."""
    same = [block for block in blocks(wanted.guide) if block.language == wanted.language]
    return "\n".join(block.text for block in same[: same.index(wanted) + 1])


def run_python(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(source, "guide.py", "exec"), namespace)  # noqa: S102
    return namespace


def run_node(folder: Path, files: dict[str, str], env: dict[str, str] | None = None) -> Any:
    """Runs main.mjs, and reads the JSON that it prints."""
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    for name, text in files.items():
        (folder / name).write_text(text)
    done = run(["node", "main.mjs"], env or {}, folder)
    return json.loads(done)


def run_bash(source: str, env: dict[str, str]) -> str:
    for tool in ("bash", "curl", "node"):
        if re.search(rf"^{tool}\b", source, re.MULTILINE) and not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    return run(["bash", "-euo", "pipefail", "-c", source], env, ROOT)


def run(command: list[str], env: dict[str, str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the python that has PyJWT
    done = subprocess.run(
        command, env={**env, "PATH": path}, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def policy_of(block: Block) -> dict[str, list[str]]:
    """`script-src 'self' https://…; …` → its sources by directive."""
    text = block.text
    if block.language == "nginx":
        found = re.fullmatch(r'add_header Content-Security-Policy "([^"]+)" always;\n', text)
        assert found, text
        text = found[1]
    parts = [part.split() for part in text.strip().split(";")]
    return {name: sources for name, *sources in parts}
