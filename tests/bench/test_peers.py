"""The benchmarks against peers run to their end, and everything that takes part sends what it should."""

from __future__ import annotations

import pytest

from bench.ledger.items import SIGNALS
from bench.overhead import measure as overhead
from bench.overhead.environment import peers_python
from bench.overhead.variants import VARIANTS
from bench.throughput import measure as throughput
from bench.throughput import variants

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


async def test_every_instrumentation_is_measured() -> None:
    """`measure` checks what arrives of each before it counts."""
    plan = overhead.Plan(rounds=2, requests=50)
    measured = await overhead.measure(plan, peers_python())
    served = {each.name for each in plan.served}
    alone = {each.name for each in plan.in_process}
    assert [set(series.rounds) for series in measured] == [alone, alone, served, served]
    assert alone | served == {each.name for each in VARIANTS}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("variant", variants.VARIANTS, ids=lambda variant: variant.name)
async def test_every_collector_carries_every_signal(variant: variants.Variant, signal: str) -> None:
    async with throughput.acceptor() as sink:
        figure = await throughput.measure(variant, signal, 1.0, sink)
    assert figure.items > 0
    assert figure.cpu_seconds > 0
