"""Runs PostgreSQL for FerretDB in the foreground, as root or not, with its data in any folder.

    STACK_POSTGRES_PASSWORD=... python -m stack.native.postgres run --data-dir DIR --port N

PostgreSQL refuses to run as root, so root starts it as the user that owns the data (`nobody` for new
data). Often that user has no access to the folders above the data (a /root of mode 0700, a mkdtemp
folder). Rather than grant it a capability, we start the server inside the data folder, which it addresses
only as /proc/self/cwd: that needs no permission on the folders above. Its programs must be reachable
by path; otherwise they run from a temporary copy.
"""

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stack.native.postgres_settings import SETTINGS
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.programs import tool_path

PASSWORD_VARIABLE = "STACK_POSTGRES_PASSWORD"  # noqa: S105 - the variable's name
MAJOR_VERSION = "16"

_HERE = "/proc/self/cwd"
_UNPRIVILEGED = "nobody"
_COPY_FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - mkdtemp makes a private folder there
_SHELL = "/bin/sh"
# $0 is a folder to remove at the end, or empty. `wait` returns early when a signal arrives.
_FOREGROUND = """
"$@" </dev/null & server=$!
trap 'kill -INT "$server"' INT TERM
wait "$server"; status=$?
while kill -0 "$server" 2>/dev/null; do wait "$server"; status=$?; done
[ -z "$0" ] || rm -rf "$0"
exit "$status"
"""


@dataclass(frozen=True)
class Account:
    """The user that PostgreSQL runs as; `switch` is true if it differs from ours."""

    uid: int
    gid: int
    switch: bool

    def prefix(self) -> list[str]:
        """Returns the prefix that runs a command as this user and interrupts it when this process dies."""
        command = shutil.which("setpriv")
        if command is None:
            raise ToolError("setpriv is missing; install util-linux.")
        become = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--inh-caps=-all"]
        return [command, "--no-new-privs", "--pdeathsig=INT", *(become if self.switch else [])]

    def may_enter(self, folder: Path) -> bool:
        """Returns whether the modes of the folder and of its parents allow the user to enter it."""
        return all(self._may_search(path) for path in (folder, *folder.parents))

    def _may_search(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        return bool(status.st_mode & (0o010 if status.st_gid == self.gid else 0o001))


@dataclass(frozen=True)
class Programs:
    """The folder of `postgres` and `initdb`, the account they run as, and the temporary copy, if any."""

    folder: Path
    account: Account
    copy: Path | None = None

    def command(self, program: str, *arguments: str) -> list[str]:
        """Returns the command that runs the program as the account."""
        return [*self.account.prefix(), str(self.folder / program), *arguments]


@dataclass(frozen=True)
class Database:
    """A data folder, the loopback port to serve it on, and its one role and database, both `name`."""

    data: Path
    port: int
    name: str
    password: str


def serve(database: Database) -> NoReturn:
    """Replaces this process with a shell that runs PostgreSQL until it exits or is stopped.

    Creates the data folder if it is missing or empty, and sets the role's password to the given one.
    SIGTERM and SIGINT stop it at once but cleanly (PostgreSQL's fast shutdown).

    Raises:
        ToolError: the data cannot be served; the text says why and what to do.
    """
    account = _account_for(database.data)
    with _programs(account) as programs:
        if not _is_initialised(database.data):
            _create(database, programs)
        _in_single_mode(database.data, programs, "postgres", _password_statement(database))
        _become(database, programs)


def _account_for(data: Path) -> Account:
    own = os.geteuid()
    if own != 0:
        if data.exists() and data.stat().st_uid != own:
            raise ToolError(
                f"{data} belongs to user {data.stat().st_uid}; run as that user, or move it away."
            )
        return Account(own, os.getegid(), switch=False)
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid, switch=True)
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise ToolError(
            f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED}; add one."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


@contextlib.contextmanager
def _programs(account: Account) -> Iterator[Programs]:
    folder = tool_path("postgres").parent
    if account.may_enter(folder):
        yield Programs(folder, account)
        return
    parent = next((path for path in _COPY_FOLDERS if path.is_dir() and account.may_enter(path)), None)
    if parent is None:
        raise ToolError(
            f"User {account.uid}, which PostgreSQL runs as, may not enter {folder}; set STACK_CACHE_DIR."
        )
    with tempfile.TemporaryDirectory(prefix="lms-postgres-", dir=parent) as copy:
        Path(copy).chmod(0o755)
        # PostgreSQL finds its libraries relative to its program.
        unneeded = shutil.ignore_patterns("pginstall18", "include")
        shutil.copytree(folder.parents[2], copy, ignore=unneeded, dirs_exist_ok=True)
        yield Programs(Path(copy) / folder.relative_to(folder.parents[2]), account, Path(copy))


def _is_initialised(data: Path) -> bool:
    """Returns whether the folder contains a database; an empty or missing folder does not."""
    version = data / "PG_VERSION"
    if version.is_file():
        found = version.read_text().strip()
        if found != MAJOR_VERSION:
            raise ToolError(
                f"{data} was created by PostgreSQL {found}, this is {MAJOR_VERSION}; dump and restore it."
            )
        return True
    if data.exists() and any(data.iterdir()):
        raise ToolError(
            f"{data} is not empty and holds no PostgreSQL data; choose another --data-dir or move it away."
        )
    return False


def _create(database: Database, programs: Programs) -> None:
    """Creates the database in a sibling folder and renames that once it is complete."""
    new = database.data.with_name(f"{database.data.name}.new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(parents=True, mode=0o700)
    if programs.account.switch:
        os.chown(new, programs.account.uid, programs.account.gid)
    arguments = ["-D", _HERE, "-U", "postgres", "--auth=reject", "--encoding=UTF8", "--locale=C"]
    _finish(programs.command("initdb", *arguments), new, "")
    # The account itself writes the file: root must not write into another user's folder.
    hosts = f"host {database.name} {database.name} 127.0.0.1/32 scram-sha-256\n"
    _finish([*programs.account.prefix(), "tee", "pg_hba.conf"], new, hosts)
    _in_single_mode(new, programs, "postgres", f'CREATE ROLE "{database.name}" LOGIN;')
    _in_single_mode(new, programs, "postgres", f'CREATE DATABASE "{database.name}" OWNER "{database.name}";')
    if database.data.exists():
        database.data.rmdir()
    new.rename(database.data)


def _password_statement(database: Database) -> str:
    quoted = database.password.replace("'", "''")
    return f"ALTER ROLE \"{database.name}\" PASSWORD '{quoted}';"


def _in_single_mode(data: Path, programs: Programs, name: str, statement: str) -> None:
    """Runs one statement as superuser in single-user mode, which accepts no connections."""
    # A failed statement must not be logged: it may contain the password.
    quiet = _flags({"log_min_error_statement": "panic"})
    _finish(programs.command("postgres", "--single", "-D", _HERE, *quiet, name), data, statement + "\n")


def _finish(command: Sequence[str], data: Path, text: str) -> None:
    result = subprocess.run(
        command, cwd=data, env=_environment(), input=text, capture_output=True, text=True, check=False
    )
    # Single-user mode continues after an error and exits with status 0.
    errors = [line for line in result.stderr.splitlines() if "ERROR:" in line or "FATAL:" in line]
    if result.returncode == 0 and not errors:
        return
    if any("postmaster.pid" in line for line in errors):
        raise ToolError(f"PostgreSQL is already running on {data}; stop that one first.")
    output = " ".join(errors) or result.stderr.strip() or f"status {result.returncode}"
    raise ToolError(f"PostgreSQL cannot prepare {data}: {output}")


def _become(database: Database, programs: Programs) -> NoReturn:
    """Replaces this process with a shell that runs the server: an idle Python would hold 10 MB."""
    settings = _flags({**SETTINGS, "port": str(database.port), "cluster_name": database.name})
    command = programs.command("postgres", "-D", _HERE, *settings)
    os.chdir(database.data)
    shell = [_SHELL, "-c", _FOREGROUND, str(programs.copy or ""), *command]
    os.execve(_SHELL, shell, _environment())  # noqa: S606 - replaces us with a fixed shell


def _flags(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _exit_on_signal)
    try:
        serve(Database(options.data_dir.resolve(), options.port, options.name, _password()))
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"PostgreSQL cannot start: {error.filename or ''}: {error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _password() -> str:
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password or "\n" in password or "\0" in password:
        raise ToolError(
            f"{PASSWORD_VARIABLE} is missing or contains a line break; set it to the database's password."
        )
    return password


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _identifier(text: str) -> str:
    if not text.isidentifier() or not text.isascii() or text != text.lower():
        raise argparse.ArgumentTypeError(f"{text!r} is not a lower-case name")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stack.native.postgres",
        description=f"Run PostgreSQL for FerretDB; {PASSWORD_VARIABLE} holds the password of its one role.",
    )
    commands = parser.add_subparsers(required=True, metavar="run")
    run = commands.add_parser("run", help="run it in the foreground; SIGTERM or SIGINT stops it cleanly")
    run.add_argument("--data-dir", type=Path, required=True, help="data folder, created if missing")
    run.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    run.add_argument(
        "--name", type=_identifier, default="lms", help="name of the role and of the database (lms)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
