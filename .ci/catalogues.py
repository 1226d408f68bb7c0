"""Are the compiled catalogues (.mo), which are committed for machines without gettext, those of their sources (.po)?"""

import gettext
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    sources = list(ROOT.glob("*/locale/*/LC_MESSAGES/*.po"))
    stale = [path for path in sources if not is_compiled(path)]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not compiled: run `manage.py compilemessages --ignore .venv`")
    return 1 if stale else 0


def is_compiled(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    with tempfile.NamedTemporaryFile(suffix=".mo") as fresh:
        subprocess.run(["msgfmt", "--check-format", "-o", fresh.name, source], check=True)
        return compiled.exists() and messages(compiled) == messages(Path(fresh.name))


def messages(path: Path) -> dict[object, str]:
    """Without the header, which has dates in it. Bytes can differ from one msgfmt to the next."""
    with path.open("rb") as file:
        catalogue: dict[object, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key: text for key, text in catalogue.items() if key}


if __name__ == "__main__":
    sys.exit(main())
