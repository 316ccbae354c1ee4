"""Writes a bundle as a folder, in place of an older one and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack.bundle.wording import BundleError

MARK: Final = "bundle.json"


def write(folder: Path, service: str, files: Mapping[str, str]) -> None:
    """Writes the files into the folder, and removes those that an older bundle had there.

    Args:
        folder: created if absent; it may be empty or have an older bundle.
        service: whose bundle it is.
        files: the text of each file by its path in the folder.

    Raises:
        BundleError: the folder has something else in it, or cannot be written.
    """
    try:
        for stale in _older(folder):
            stale.unlink(missing_ok=True)
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        mark = {"service": service, "files": sorted(files)}
        (folder / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise BundleError(f"OUT is {folder}: {error.strerror}. Name a folder that can be written.") from error


def _older(folder: Path) -> list[Path]:
    """Returns the files of the bundle that is in the folder; none if it is empty or absent."""
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"OUT is {folder}, which is a file: name a folder.")
    if not folder.exists() or not any(folder.iterdir()):
        return []
    try:
        listed = json.loads((folder / MARK).read_text(encoding="utf-8"))["files"]
        found = [folder / str(name) for name in listed]
    except (OSError, ValueError, KeyError, TypeError):
        raise BundleError(
            f"OUT is {folder}, which is not empty and no bundle (it has no valid {MARK}): name another "
            f"folder, or empty it."
        ) from None
    inside = folder.resolve()
    return [path for path in found if path.resolve().is_relative_to(inside)]
