"""A fake `docker` for PATH without a daemon: it simulates one Compose project and rejects unknown commands.

Its folder holds the simulated state and a log of the calls; `FakeDocker` is the test's side of it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

OPTIONS: Final = {"--project-directory", "--file", "--profile"}
REFUSED: Final = 64
INTERRUPTED: Final = 130
TABLE: Final = "NAME   STATUS\n"


@dataclass(frozen=True)
class Play:
    """The simulated state: containers ``now`` and after `up`, as `ps` describes them, and how `up` exits."""

    now: Sequence[dict[str, Any]] = ()
    after: Sequence[dict[str, Any]] = ()
    up_status: int = 0
    interrupts: bool = False
    array: bool = False
    volumes: bool = True
    version: str = "2.40.3"


@dataclass(frozen=True)
class FakeDocker:
    """A fake installed in its own folder."""

    folder: Path
    play: Play = field(default_factory=Play)

    def install(self) -> None:
        """Writes the executable and its state."""
        program = self.folder / "docker"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -I {__file__} {self.folder} "$@"\n')
        program.chmod(0o755)
        _write(self.folder, self.play)

    def now(self) -> Play:
        """Returns the state after the commands so far."""
        return _read(self.folder)

    def asked(self) -> list[dict[str, Any]]:
        """Returns each call of Compose: its ``arguments``, and whether it ``leads`` its session.

        An interrupted `up` adds a call `ended` when it exits.
        """
        calls = self.folder / "calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    def arguments(self, command: str) -> list[list[str]]:
        """Returns the arguments of each call of a Compose command, without the command."""
        return [words[1:] for call in self.asked() if (words := call["arguments"])[0] == command]


def container(
    service: str, state: str = "running", health: str = "healthy", exit_code: int = 0
) -> dict[str, Any]:
    """Returns a container as `docker compose ps --format json` describes it, as far as we read it."""
    name = f"stegmaier-lms-{service}-1"
    return {"Name": name, "Service": service, "State": state, "Health": health, "ExitCode": exit_code}


def main(folder: Path, arguments: Sequence[str]) -> int:
    """Answers like Docker and returns the exit status."""
    if arguments == ["info"]:
        return 0
    if arguments == ["compose", "version", "--short"]:
        sys.stdout.write(f"{_read(folder).version}\n")
        return 0
    if arguments[0] != "compose":
        return _refuse(arguments)
    rest = list(arguments[1:])
    while rest and rest[0] in OPTIONS:
        del rest[:2]
    _note(folder, rest)
    commands = {"ps": _ps, "up": _up, "down": _down, "logs": _logs}
    if rest[0] not in commands:
        return _refuse(rest)
    return commands[rest[0]](folder, rest[1:])


def _ps(folder: Path, options: list[str]) -> int:
    play = _read(folder)
    if options == ["--all"]:
        sys.stdout.write(TABLE)
    elif options != ["--all", "--format", "json"]:
        return _refuse(options)
    elif play.array:
        sys.stdout.write(json.dumps(play.now) + "\n")
    else:
        sys.stdout.writelines(json.dumps(each) + "\n" for each in play.now)
    return 0


def _up(folder: Path, options: list[str]) -> int:
    if set(options) - {"--build", "--detach", "--wait", "--remove-orphans"}:
        return _refuse(options)
    play = _read(folder)
    _write(folder, replace(play, now=play.after))
    if not play.interrupts:
        return play.up_status
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.kill(os.getppid(), signal.SIGINT)
    signal.sigwait({signal.SIGTERM})
    _note(folder, ["ended"])
    return INTERRUPTED


def _down(folder: Path, options: list[str]) -> int:
    if set(options) - {"--volumes", "--remove-orphans"}:
        return _refuse(options)
    play = _read(folder)
    _write(folder, replace(play, now=(), volumes=play.volumes and "--volumes" not in options))
    return 0


def _logs(_folder: Path, options: list[str]) -> int:
    known = {"--follow", "--no-color", "--tail=15", "--tail=20"}
    if {each for each in options if each.startswith("-")} - known:
        return _refuse(options)
    sys.stdout.writelines(f"{each}-1  | its last line\n" for each in options if not each.startswith("-"))
    return 0


def _note(folder: Path, arguments: Sequence[str]) -> None:
    with (folder / "calls").open("a") as file:
        file.write(json.dumps({"arguments": arguments, "leads": os.getsid(0) == os.getpid()}) + "\n")


def _refuse(arguments: Sequence[str]) -> int:
    sys.stderr.write(f"the fake does not know: {' '.join(arguments)}\n")
    return REFUSED


def _read(folder: Path) -> Play:
    return Play(**json.loads((folder / "play.json").read_text()))


def _write(folder: Path, play: Play) -> None:
    (folder / "play.json").write_text(json.dumps(asdict(play)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
