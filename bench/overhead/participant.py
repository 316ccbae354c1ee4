"""A variant's process as the parent sees it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.overhead.variants import Variant
from bench.process import BenchError, local

_PATIENCE: Final = 120.0
_PASSED: Final = ("PATH", "HOME", "TMPDIR", "LANG")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and for what a variant runs.

    Args:
        python: the interpreter of the peers' environment.
        folder: for what the processes write.
        sink: port of the receiver.
        routes: how many the application has.
        database_url: empty for no database.
        port: to serve on over uvicorn; 0 for in-process.
    """

    python: Path
    folder: Path
    sink: int
    routes: int
    database_url: str = ""
    port: int = 0


class Participant:
    """A variant that runs from `start` to `stop`.

    Args:
        variant: what runs.
        place: where.
    """

    def __init__(self, variant: Variant, place: Place) -> None:
        self.variant = variant
        self.place = place
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the process and returns when its application is ready.

        Raises:
            BenchError: It exited first.
        """
        name = service_name(self.variant, self.place)
        command = ["-m", "bench.overhead.child", self.variant.name, "--routes", str(self.place.routes)]
        command += ["--port", str(self.place.port), "--output", str(self.place.folder / f"{name}.out")]
        with (self.place.folder / f"{name}.err").open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                self.place.python,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=environment_of(self.variant, self.place),
                start_new_session=True,
            )
        await self._answer()

    async def ask(self, what: str, **details: object) -> dict[str, Any]:
        """Sends one request of `bench.overhead.child` and returns the answer.

        Raises:
            BenchError: The process is not running, or does not answer within two minutes.
        """
        if self._process is None or self._process.stdin is None:
            raise BenchError(f"{self.variant.name} was not started")
        self._process.stdin.write(json.dumps({"do": what, **details}).encode() + b"\n")
        return await self._answer()

    async def stop(self) -> None:
        """Stops the process by closing its stdin; kills it if that does not suffice."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE / 4)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _answer(self) -> dict[str, Any]:
        line = b""
        if self._process is not None and self._process.stdout is not None:
            line = await self._line(self._process.stdout)
        if not line:
            raise BenchError(f"{self.variant.name} exited; its last output:\n{self._last_errors()}")
        found: dict[str, Any] = json.loads(line)
        return found

    async def _line(self, output: asyncio.StreamReader) -> bytes:
        try:
            return await asyncio.wait_for(output.readline(), _PATIENCE)
        except TimeoutError:
            raise BenchError(f"{self.variant.name} did not answer within {_PATIENCE:g} s") from None

    def _last_errors(self) -> str:
        name = service_name(self.variant, self.place)
        return (self.place.folder / f"{name}.err").read_text(errors="replace")[-3000:]


def service_name(variant: Variant, place: Place) -> str:
    """Returns the service name by which the sink counts this process."""
    return f"{variant.name}-{place.routes}{'-served' if place.port else ''}"


def environment_of(variant: Variant, place: Place) -> Mapping[str, str]:
    """Returns the complete environment of the variant's process."""
    environment = {key: os.environ[key] for key in _PASSED if key in os.environ}
    environment |= {
        "OTEL_SERVICE_NAME": service_name(variant, place),
        "OTEL_EXPORTER_OTLP_ENDPOINT": local(place.sink),
        "PYTHONDONTWRITEBYTECODE": "1",
        **variant.environment,
    }
    if variant.sentry:
        environment["SENTRY_DSN"] = f"http://public@127.0.0.1:{place.sink}/1"
    if place.database_url:
        environment["BENCH_MONGODB_URL"] = place.database_url
    return environment
