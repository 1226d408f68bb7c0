"""The archive on a disk: private files, each whole or not there at all, also after a kill or a power cut."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage

FOLDER_MODE = 0o700  # files are made with 0600
UNFINISHED = ".unfinished"  # a folder beside those of the systems; no system id begins with a dot
LEFT_BEHIND_AFTER = 3600  # seconds


class PrivateFiles(FileSystemStorage):
    """Django's own, but a name that is taken is written over, and by renaming: nobody ever sees half a file."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        make_folders(path.parent, Path(self.location))
        with unfinished_file(Path(self.location)) as file:
            for chunk in content.chunks():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        sync_folder(path.parent)
        return name

    def tidy(self) -> None:
        """Takes out what a kill left unfinished: it is somebody's words, and no erasure would find it."""
        for path in Path(self.location, UNFINISHED).glob("*"):
            with suppress(FileNotFoundError):  # finished meanwhile
                if path.stat().st_mtime < time.time() - LEFT_BEHIND_AFTER:
                    path.unlink()


def make_folders(folder: Path, root: Path) -> None:
    if folder != root and folder.parent != folder:
        make_folders(folder.parent, root)
    if not folder.is_dir():
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        sync_folder(folder.parent)


@contextmanager
def unfinished_file(root: Path) -> Iterator["tempfile._TemporaryFileWrapper[bytes]"]:
    """Gone at the end, unless it was renamed meanwhile."""
    folder = root / UNFINISHED
    make_folders(folder, root)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """A new name lasts once its folder has been written out, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
