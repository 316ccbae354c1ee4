"""Runs the benchmark's own processes, with the variants that need no peer."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import bench.__main__ as all_benchmarks
from bench.overhead import __main__ as command_line
from bench.overhead.environment import PEERS
from bench.overhead.measure import Plan, chosen, in_process, sink_running
from bench.overhead.participant import Participant, Place
from bench.overhead.variants import BARE, OURS, VARIANTS, Variant, variant
from bench.process import BenchError
from stack.native.toolchain.catalogue import REPOSITORY

_PIN = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)", re.MULTILINE)


async def test_a_round_of_bare_and_ours_with_telemetry_that_arrives(tmp_path: Path) -> None:
    plan = Plan(rounds=2, requests=5, variants=chosen([OURS]))
    async with sink_running(tmp_path) as sink:
        series = await in_process(
            plan, Place(python=Path(sys.executable), folder=tmp_path, sink=sink, routes=12)
        )

    assert [(name, len(rounds)) for name, rounds in series.rounds.items()] == [(BARE, 2), (OURS, 2)]
    assert all(each.cpu >= each.path > 0 for rounds in series.rounds.values() for each in rounds)
    assert (series.arrived[OURS]["spans"], series.arrived[OURS]["logs"]) == (1, 1)
    assert series.arrived[BARE] == {}
    assert series.calls[OURS] > series.calls[BARE] > 0


async def test_a_variant_that_sends_too_little_is_detected(tmp_path: Path) -> None:
    silent = Variant("ours-core", "silent", "ours:plain", variant("ours-core").environment, spans=1)
    async with sink_running(tmp_path) as sink:
        place = Place(python=Path(sys.executable), folder=tmp_path, sink=sink, routes=1)
        with pytest.raises(BenchError, match="0 spans per request, 0 of kind SERVER; 1 were expected"):
            await in_process(Plan(1, 5, [silent]), place)


async def test_a_process_that_cannot_start_reports_why(tmp_path: Path) -> None:
    broken = Variant(BARE, "broken", environment={"PYTHONHOME": "/nowhere"})
    place = Place(python=Path(sys.executable), folder=tmp_path, sink=1, routes=1)
    participant = Participant(broken, place)

    with pytest.raises(BenchError, match="PYTHONHOME"):
        await participant.start()
    await participant.stop()


def test_the_bare_application_always_takes_part() -> None:
    assert [each.name for each in chosen([OURS])] == [BARE, OURS]
    assert chosen([]) == VARIANTS


def test_the_peers_run_with_the_projects_own_releases() -> None:
    own = dict(_PIN.findall((REPOSITORY / "requirements.lock").read_text()))
    theirs = dict(_PIN.findall(PEERS.lock.read_text()))

    assert {name: theirs[name] for name in own.keys() & theirs.keys()} == {
        name: own[name] for name in own.keys() & theirs.keys()
    }
    assert {"fastapi", "opentelemetry-sdk", "sentry-sdk", "uvicorn"} <= own.keys() & theirs.keys()


def test_wrong_options_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--rounds", "0"])
    assert "'0' is not a whole number above 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        all_benchmarks.main(["--only", "nothing"])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err
