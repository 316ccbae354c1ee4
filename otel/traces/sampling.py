"""Which spans are exported: those of OTEL_TRACES_SAMPLER, and the SERVER span of each failed request."""

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
    """Records, unsampled, each SERVER span that `inner` drops: only its end tells whether it failed.

    What happens inside of the request is dropped, and whoever is called is told so, as `inner` decided.
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
        """Decides as `inner`, but for SERVER spans that it drops."""
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
    """Makes the sampler that OTEL_TRACES_SAMPLER and its argument name.

    `always_off` exports nothing; each other one keeps the SERVER spans of failed requests.
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
    """Samples a span that is only recorded: it will be exported, and its context says so from now on."""
    identity = span.get_span_context()
    if identity.trace_flags & _SAMPLED or not isinstance(span, Span):
        return
    span._context = SpanContext(  # noqa: SLF001 - the SDK decides at the start of a span alone
        identity.trace_id,
        identity.span_id,
        is_remote=False,
        trace_flags=TraceFlags(identity.trace_flags | _SAMPLED),
        trace_state=identity.trace_state,
    )


def keep_failure(span: Span) -> None:
    """Samples a SERVER span that ends as an error."""
    if span._context.trace_flags & _SAMPLED:  # type: ignore[union-attr]  # noqa: SLF001 - at each span's end
        return
    if span.kind is SpanKind.SERVER and span.status.status_code is StatusCode.ERROR:
        keep(span)
