"""Samples what OTEL_TRACES_SAMPLER says, and in addition the SERVER span of each failed request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.util.types import Attributes

from otel.config.settings import TelemetryConfig

_SAMPLED: Final = TraceFlags.SAMPLED


class _RecordingServers(Sampler):
    """Records, unsampled, each SERVER span that `inner` drops, because only its end shows whether it failed.

    Spans inside the request are dropped, and outgoing calls propagate "not sampled", as `inner` decided.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decides as `inner` does, except for SERVER spans that it drops."""
        result = self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if kind is not SpanKind.SERVER or result.decision is not Decision.DROP:
            return result
        return SamplingResult(Decision.RECORD_ONLY, trace_state=result.trace_state)

    def get_description(self) -> str:
        """Names the sampler."""
        return f"RecordingServers{{{self._inner.get_description()}}}"


def sampler(config: TelemetryConfig) -> Sampler:
    """Creates the sampler that OTEL_TRACES_SAMPLER and its argument name.

    `always_off` exports nothing; every other sampler keeps the SERVER spans of failed requests.
    """
    if config.sampler == "always_off":
        return ALWAYS_OFF
    name = config.sampler.removeprefix("parentbased_")
    nothing = _RecordingServers(ALWAYS_OFF)
    root = {
        "always_on": ALWAYS_ON,
        "always_off": nothing,
        "traceidratio": _RecordingServers(TraceIdRatioBased(config.sampler_ratio)),
    }[name]
    if name == config.sampler:
        return root
    return ParentBased(root, remote_parent_not_sampled=nothing, local_parent_not_sampled=nothing)


def keep(span: ApiSpan) -> None:
    """Samples a span that was only recorded: it is exported, and its context carries the flag from now on."""
    identity = span.get_span_context()
    if identity.trace_flags & _SAMPLED or not isinstance(span, Span):
        return
    span._context = SpanContext(  # noqa: SLF001 - the SDK decides only when a span starts
        identity.trace_id,
        identity.span_id,
        is_remote=False,
        trace_flags=TraceFlags(identity.trace_flags | _SAMPLED),
        trace_state=identity.trace_state,
    )


def keep_failure(span: Span) -> None:
    """Samples a SERVER span that ends with an error."""
    if span._context.trace_flags & _SAMPLED:  # type: ignore[union-attr]  # noqa: SLF001 - a hot path
        return
    if span.kind is SpanKind.SERVER and span.status.status_code is StatusCode.ERROR:
        keep(span)
