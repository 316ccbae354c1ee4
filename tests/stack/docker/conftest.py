"""The tests' own container engine, and the Compose stack on it, started once for this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.stack.docker import engine as engines
from tests.stack.docker import images
from tests.stack.docker.clone import Clone
from tests.stack.docker.engine import Engine


@dataclass(frozen=True)
class Started:
    """The running stack, and what `make up` printed."""

    clone: Clone
    said: str


@pytest.fixture(scope="package")
def engine() -> Iterator[Engine]:
    """An empty engine that has every image which docker-compose.yml does not build; skips without one."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(engines.alone())
            images.bring_base(found)
        except engines.NoEngineError as error:
            pytest.skip(f"no container engine: {error}")
        images.build_all(found)
        stack.enter_context(found.serving())
        yield found


@pytest.fixture(scope="package")
def started(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Started:
    """The stack after `make up`; the engine removes it at the end."""
    clone = Clone.made(engine, tmp_path_factory.mktemp("docker"))
    status, said = clone.stack("up")
    assert status == 0, said
    return Started(clone, said)
