"""The settings of the server that runs in this repository's native stack."""

from __future__ import annotations

from pathlib import Path

from stack.boards.preview import PreviewError
from stack.boards.settings import Settings
from stack.environment import DOTENV, load
from stack.native import boards


def settings(dotenv: Path = DOTENV) -> Settings:
    """Returns the settings, with the passwords that the running stack has in files.

    Raises:
        PreviewError: the native stack does not run.
        SettingsError: `.env` is wrong.
    """
    if not dotenv.exists():
        raise PreviewError(f"{dotenv} does not exist: `STACK=native make up` writes it and starts the stack.")
    found = load(dotenv)
    folder = found.stack.folder / "etc" / boards.NAME
    if not (folder / "secrets" / "password").exists():
        raise PreviewError("The native stack has not been started: `STACK=native make up` starts it.")
    return Settings.from_env(boards.environment(found, folder))
