"""The resource that identifies the sender, with a `service.instance.id` that survives restarts.

The SDK generates a random id at every start, so each restart doubles the series in Prometheus. Here the id is
host name plus worker number, and a number is free again once its process has exited.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import socket
import stat
import tempfile
from pathlib import Path
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.version import __version__ as sdk_version

from otel.config.settings import TelemetryConfig
from otel.encodable import Encodable
from otel.metrics.self import count_unencodable

INSTANCE_ID: Final = "service.instance.id"
DISTRIBUTION: Final = "stegmaier-otel"
"""`telemetry.distro.name`: tells a Collector, which cannot mask links, that they are already masked."""
_MOST_WORKERS: Final = 1024


class WorkerSlot:
    """Holds the lowest free worker number of a service on this machine until the process exits.

    The kernel releases the lock however the process exits. `number` is None if no file can be locked.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._file: int | None = None
        self.number = self._claim()

    def reclaim(self) -> None:
        """Claims a new number in a forked child, which has inherited its parent's."""
        self.release()
        self.number = self._claim()

    def release(self) -> None:
        """Releases the number; in a forked child, the parent keeps it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _claim(self) -> int | None:
        try:
            folder = _private_folder()
            return next(number for number in range(_MOST_WORKERS) if self._lock(folder, number))
        except (OSError, StopIteration):
            return None

    def _lock(self, folder: Path, number: int) -> bool:
        readable = re.sub(r"[^A-Za-z0-9_-]", "-", self._service)[:40]
        digest = hashlib.sha256(self._service.encode("utf-8", "replace")).hexdigest()[:8]
        path = folder / f"{readable}-{digest}-{number}.worker"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True


def _private_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"otel-workers-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder


def service_name(config: TelemetryConfig) -> str:
    """Returns OTEL_SERVICE_NAME, else `service.name` of the resource, else `unknown_service:python`."""
    return config.service_name or config.resource_attributes.get("service.name") or "unknown_service:python"


def instance_id(config: TelemetryConfig, slot: WorkerSlot) -> str:
    """Returns the configured `service.instance.id`, else host name and worker number."""
    worker = f"pid{os.getpid()}" if slot.number is None else str(slot.number)
    return config.resource_attributes.get(INSTANCE_ID) or f"{socket.gethostname()}-{worker}"


def build_resource(config: TelemetryConfig, slot: WorkerSlot) -> Resource:
    """Builds the resource of all signals; OTEL_RESOURCE_ATTRIBUTES overrides detected attributes."""
    detected = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": DISTRIBUTION,
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        "host.name": socket.gethostname(),
    }
    chosen = {"service.name": service_name(config), INSTANCE_ID: instance_id(config, slot)}
    encodable = Encodable(count_unencodable)
    return Resource(encodable.attributes({**detected, **config.resource_attributes, **chosen}))
