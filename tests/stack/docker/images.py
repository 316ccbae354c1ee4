"""Images under their official names, made here: a registry cannot be reached everywhere."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import ssl
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.stack.docker.engine import Engine, NoEngineError

FOLDER: Final = Path(__file__).parent / "images"
PINS: Final = REPOSITORY / "stack" / "native" / "tools"
RELEASE: Final = "bookworm"
PACKAGES: Final = ("busybox-static", "ca-certificates", "python3-pip", "python3.11-venv")
BASE: Final = "localhost/stegmaier-test/bookworm"
OURS: Final = "docker.io/library/stegmaier-lms"
DATABASE: Final = "localhost/stegmaier-test/ferretdb"
PYTHON: Final = "docker.io/library/python:3.11-slim-bookworm"
# What the Compose file asks of an engine, and not every machine permits.
TRIED: Final = (
    *("--init", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"),
    *("--memory=64m", "--pids-limit=64", "--publish=127.0.0.1::80"),
)
COLLECTOR: Final = REPOSITORY / "collector-config" / "distribution"


def bring_base(engine: Engine) -> None:
    """Makes the image that all others are built from, once for each release and list of packages.

    Raises:
        NoEngineError: it cannot be made, or a container of it does not run.
    """
    key = hashlib.sha256(" ".join((RELEASE, *PACKAGES)).encode()).hexdigest()[:12]
    if f"{BASE}:{key}" not in engine.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split():
        _debootstrap(engine, f"{BASE}:{key}")
    engine.podman("tag", f"{BASE}:{key}", f"{BASE}:latest")
    engine.try_out("run", "--rm", *TRIED, BASE, "true")


def _debootstrap(engine: Engine, image: str) -> None:
    root = Path(tempfile.mkdtemp(prefix="bookworm-", dir=engine.folder))
    try:
        wanted = ["--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, str(root)]
        program = shutil.which("debootstrap") or "debootstrap"
        done = subprocess.run([program, *wanted], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoEngineError(f"debootstrap failed: {done.stdout.strip()[-300:]}")
        shutil.rmtree(root / "var" / "cache" / "apt" / "archives")
        (root / "bin" / "wget").symlink_to("busybox")
        archive = root.with_suffix(".tar")
        with tarfile.open(archive, "w") as tar:
            tar.add(root, ".")
        try:
            engine.try_out("import", "--quiet", str(archive), image)
        finally:
            archive.unlink()
    finally:
        shutil.rmtree(root)


def tags() -> Mapping[str, str]:
    """Returns the image of each service of docker-compose.yml."""
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return {name: f"docker.io/{service['image']}" for name, service in services.items()}


def golang() -> str:
    """Returns the image that the Collector is built with."""
    (tag,) = re.findall(
        r"^FROM \S+ (golang:\S+) AS build$", (COLLECTOR / "Dockerfile").read_text(), re.MULTILINE
    )
    return f"docker.io/library/{tag}"


def build_all(engine: Engine) -> None:
    """Builds the stand-ins for official images, unless they are there and nothing has changed since."""
    built = engine.folder / "storage" / "stand-ins"
    if built.exists() and built.read_text() == _state(engine):
        return
    official = tags()
    with tempfile.TemporaryDirectory() as certificates:
        shutil.copy(_bundle(), Path(certificates, "ca-certificates.crt"))
        _build(engine, "python", PYTHON, Path(certificates))
    for name in ("prometheus", "alertmanager"):
        _build(engine, name, official[name], tool_path(name).parent)
    for name in ("redis", "bugsink"):
        _build(engine, name, official[name], PINS / name)
    _build(engine, "golang", golang(), PINS / "go")
    contexts = {"program": tool_path("ferretdb").parent, "start": FOLDER}
    _build(engine, "ferretdb", DATABASE, PINS / "postgres", contexts)
    built.write_text(_state(engine))


def _bundle() -> Path:
    return Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")


def _state(engine: Engine) -> str:
    """Returns a hash of what the stand-ins are built from, their names, and the images that are there."""
    files = [_bundle(), *sorted(FOLDER.iterdir()), *sorted(PINS.glob("*/requirements.lock"))]
    # A program's folder is named after the program's own hash.
    programs = [str(tool_path(name)) for name in ("prometheus", "alertmanager", "ferretdb")]
    there = engine.podman("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
    images = sorted(each for each in there if not each.startswith(("<none>", OURS)))
    described = json.dumps([dict(tags()), golang(), programs, images])
    return hashlib.sha256(b"".join([described.encode(), *map(Path.read_bytes, files)])).hexdigest()


def _build(
    engine: Engine, name: str, image: str, context: Path, others: Mapping[str, Path] | None = None
) -> None:
    more = [f"--build-context={key}={path}" for key, path in (others or {}).items()]
    file = f"--file={FOLDER / name}.Containerfile"
    engine.podman(
        "build", "--format=docker", "--pull=never", "--layers", file, f"--tag={image}", *more, str(context)
    )
