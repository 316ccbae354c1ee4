"""The variants: every way of observing the same application that the table compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

BARE: Final = "bare"
COPIED: Final = "copied"
LOGFIRE: Final = "logfire"
OURS: Final = "ours"
CORE: Final = "ours-core"
UNMATCHED: Final = "contrib-unmatched"
UNCONTRIBUTED: Final = "ours-uncontributed"
UNLISTENED: Final = "ours-unlistened"


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Args:
        name: the short name on the command line and in the data.
        title: its label in the table.
        entry: ``module:function`` in bench.overhead; called before the application is created, it
            returns the function that instruments it. Empty: none.
        environment: variables of its process, in addition to the common ones.
        sentry: whether its process gets a DSN.
        spans: spans that must arrive per request without a database, exactly one of them of kind SERVER.
        only_served: whether it differs from another only over uvicorn with a database.
    """

    name: str
    title: str
    entry: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    sentry: bool = False
    spans: int = 1
    only_served: bool = False


_STABLE: Final = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"}
# Everything that TelemetryConfig can switch is off; the rest has no switch.
_LEAST: Final = {
    "OTEL_TRACES_SAMPLER": "always_off",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "TELEMETRY_LOG_LEVELS": "access=warning",
    "TELEMETRY_PROMETHEUS": "off",
    "TELEMETRY_RUNTIME_METRICS": "off",
}


def _least_without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in _LEAST.items() if key not in keys}


_SPAN: Final = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_EXPORTER")
_LOG: Final = (*_SPAN, "TELEMETRY_LOG_LEVELS")

VARIANTS: Final = (
    Variant(BARE, "bare FastAPI", spans=0),
    Variant("contrib", "contrib, defaults", "peers:contrib", spans=3),
    Variant("contrib-tuned", "contrib, stable names, no send spans", "peers:contrib_tuned", _STABLE),
    Variant(UNMATCHED, "contrib, the same, routes not matched again", "peers:contrib_unmatched", _STABLE),
    Variant(
        COPIED,
        "the copied stack",
        "peers:copied",
        sentry=True,
        spans=3,
    ),
    Variant(LOGFIRE, "logfire", "peers:logfire"),
    Variant(CORE, "ours: ids, context, metrics, errors", "ours:plain", _LEAST, spans=0),
    Variant("ours-span", "… + SERVER span, sent by OTLP", "ours:plain", _least_without(*_SPAN)),
    Variant("ours-access", "… + access log on stdout", "ours:plain", _least_without(*_LOG)),
    Variant(
        "ours-logs",
        "… + the same record by OTLP",
        "ours:plain",
        _least_without(*_LOG, "OTEL_LOGS_EXPORTER"),
    ),
    Variant(OURS, "ours, every feature on", "ours:plain", sentry=True),
    Variant("ours-unredacted", "every feature but redaction", "ours:without_redaction", sentry=True),
    Variant("ours-unmeasured", "every feature but HTTP metrics", "ours:without_metrics", sentry=True),
    Variant(UNCONTRIBUTED, "every feature, SERVER span without contrib", "ours:without_contrib", sentry=True),
    Variant(UNLISTENED, "every feature but MongoDB's", "ours:without_mongo", sentry=True, only_served=True),
    Variant(
        "ours-sampled",
        "every feature on, 1 trace of 10",
        "ours:plain",
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
        sentry=True,
        spans=-1,
    ),
)
"""In table order; `spans` -1 means that the number is random."""

SERVED: Final = (BARE, COPIED, LOGFIRE, CORE, OURS, UNLISTENED)
"""Those also measured over uvicorn."""


def variant(name: str) -> Variant:
    """Returns the variant of this name.

    Raises:
        KeyError: there is none.
    """
    return {each.name: each for each in VARIANTS}[name]
