"""Brings .venv in line with requirements-dev.lock; needs only Python with venv.

Run by make before every target, so it is fast when there is nothing to do: it compares one hash.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # an interrupt during the imports below exits without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = REPOSITORY / ".venv"
LOCK = REPOSITORY / "requirements-dev.lock"
STAMP = VENV / ".requirements"
KIT = REPOSITORY / "collector-config"
LEAST = (3, 11)
INTERRUPTED = 130
# The certificates that the machine trusts, on Debian and Alpine, on Fedora, and on SUSE.
SYSTEM_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
)
BLOCK = re.compile(r"^uv==.*?(?=^\S)", re.MULTILINE | re.DOTALL)


class BootstrapError(Exception):
    """The environment cannot be made; the message is one sentence with the fix."""


def main() -> int:
    """Returns 0 when .venv matches the lock, 1 after an error message, 130 when interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        _ensure()
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the next make continues from here.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _ensure() -> None:
    if sys.version_info < LEAST:
        raise BootstrapError(
            f"Python {sys.version.split()[0]} is too old: install 3.11 or newer, or make PYTHON=..."
        )
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == wanted and _works():
        _add_kit()
        return
    with _progress("Installing the project's Python packages"):
        _install()
    _add_kit()
    # mypy caches that a package was missing.
    shutil.rmtree(REPOSITORY / ".mypy_cache", ignore_errors=True)
    STAMP.write_text(wanted, encoding="ascii")


def _fingerprint() -> str:
    """Returns a hash of the lock and of the Python that it is installed for."""
    digest = hashlib.sha256(LOCK.read_bytes())
    digest.update(f"{sys.version_info[:3]} {sys.base_prefix}".encode())
    return digest.hexdigest()


def _add_kit() -> None:
    """Makes the Collector kit's tools importable: its folder's name is none that Python can import."""
    for packages in VENV.glob("lib/python*/site-packages"):
        link = packages / "collector_kit.pth"
        if not link.exists():
            link.write_text(f"{os.path.relpath(KIT, packages)}\n", encoding="utf-8")


def _works() -> bool:
    return os.access(VENV / "bin" / "python", os.X_OK)


def _install() -> None:
    STAMP.unlink(missing_ok=True)
    own = not VENV.exists()
    try:
        if not _works():
            _create()
        _install_uv()
        lock = [
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--python",
            str(VENV / "bin" / "python"),
            str(LOCK),
        ]
        _run([str(VENV / "bin" / "uv"), *lock], "the packages could not be installed")
    except BaseException:
        if own:
            shutil.rmtree(VENV, ignore_errors=True)
        raise


def _create() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    problem = "no virtual environment could be made (Debian: apt install python3-venv)"
    _run([sys.executable, "-m", "venv", str(VENV)], problem)


def _install_uv() -> None:
    """Installs the pinned uv by hash, unless it is installed; uv then installs the rest."""
    block = BLOCK.search(LOCK.read_text(encoding="utf-8") + "\nend")
    if block is None:
        raise BootstrapError(f"{LOCK} has no line uv==...: restore it from git.")
    version = block[0].split("==")[1].split()[0]
    if _installed_uv() == version:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as requirements:
        requirements.write(
            "\n".join(line for line in block[0].splitlines() if not line.strip().startswith("#"))
        )
        requirements.flush()
        pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--no-deps",
        ]
        _run([str(VENV / "bin" / "python"), *pip, "-r", requirements.name], "uv could not be installed")


def _installed_uv() -> str | None:
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        return None
    words = subprocess.run([str(uv), "--version"], capture_output=True, text=True, check=False).stdout.split()
    return words[1] if len(words) > 1 else None


def installer_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns the environment for pip and uv: no active virtual environment, and the system's certificates.

    Both bundle their own list, which lacks a company's certificate that the machine trusts. The user's own
    certificate settings stay; on a machine without a system bundle, nothing is set.
    """
    clean = {key: value for key, value in environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    bundle = next((path for path in SYSTEM_BUNDLES if path.is_file()), None)
    trusted = environ.get("SSL_CERT_FILE") or (bundle and str(bundle))
    if bundle and not {"SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS"} & clean.keys():
        clean["UV_SYSTEM_CERTS"] = "true"
    # Not PIP_CERT: it would override the user's pip.conf.
    if trusted and not {"PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} & clean.keys():
        clean["REQUESTS_CA_BUNDLE"] = trusted
    return clean


def _run(command: Sequence[str], problem: str) -> None:
    environ = installer_environment()
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if result.returncode:
        output = (result.stderr or result.stdout).strip()
        raise BootstrapError(f"\nmake cannot continue: {problem}. The output was:\n{output}")


@contextlib.contextmanager
def _progress(text: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{text}... ", end="", flush=True)
    yield
    print(f"done ({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
