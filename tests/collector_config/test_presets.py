"""The Collector itself accepts every preset, with each chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector_kit.fragments import fragments, presets
from tests.collector_config import collector
from tests.collector_config.chains import CHAINS, with_chain
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import of_case, sinks


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("preset", presets())
def test_the_collector_accepts_a_preset(preset: str, chain: str, tmp_path: Path) -> None:
    nowhere = Intake(url="http://127.0.0.1:9")
    variables = {**sinks(nowhere, tmp_path), **of_case(preset, nowhere)}
    files = with_chain(chain, fragments(preset, variables))
    done = collector.validate(files, collector.environment(tmp_path, variables))
    assert done.returncode == 0, done.stderr
