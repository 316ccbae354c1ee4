"""Settings of the stores that the monitoring API asks."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from app.core.settings.kinds import Group, base_url

Address = Annotated[str, AfterValidator(base_url)]


def _error_link(value: str) -> str:
    """Returns a template of addresses; raises ValueError unless it says where the identifier goes."""
    if not value.startswith(("http://", "https://")) or "{trace_id}" not in value:
        raise ValueError("must be an address with {trace_id} in it")
    return value


class StoreSettings(Group):
    """Settings of the stores that the monitoring API asks; without its address, a store is not asked."""

    prometheus_url: Address | None = Field(
        default=None, description="Prometheus, which the monitoring API asks for metrics."
    )
    alertmanager_url: Address | None = Field(
        default=None, description="Alertmanager, which the monitoring API asks for alerts and silences."
    )
    victorialogs_url: Address | None = Field(
        default=None, description="The log store that the monitoring API asks, if it is VictoriaLogs."
    )
    loki_url: Address | None = Field(
        default=None, description="The log store that the monitoring API asks, if it is Loki."
    )
    jaeger_url: Address | None = Field(
        default=None, description="The trace store that the monitoring API asks, if it is Jaeger."
    )
    tempo_url: Address | None = Field(
        default=None, description="The trace store that the monitoring API asks, if it is Tempo."
    )
    stores_seconds: float = Field(default=3, gt=0, le=60, description="How long a store may take to answer.")
    stores_user: str = Field(default="lms", min_length=1, description="User name for all of these stores.")
    stores_password: SecretStr | None = Field(
        default=None,
        description="Password for Prometheus, Alertmanager, Jaeger and Tempo; empty: they ask for none.",
    )
    victorialogs_password: SecretStr | None = Field(
        default=None, description="Password for VictoriaLogs; empty: it asks for none."
    )
    grafana_url: Address | None = Field(
        default=None, description="Where people open Grafana; links to traces and logs lead there."
    )
    jaeger_web_url: Address | None = Field(
        default=None, description="Where people open Jaeger; links to traces lead there."
    )
    error_link: Annotated[str, AfterValidator(_error_link)] | None = Field(
        default=None,
        description="Where people find a trace's errors in the error tracker; {trace_id} is filled in.",
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        """Raises ValueError if there are two log stores or two trace stores."""
        for one, other in (("victorialogs_url", "loki_url"), ("jaeger_url", "tempo_url")):
            if getattr(self, one) and getattr(self, other):
                raise ValueError(f"LMS_{one.upper()} and LMS_{other.upper()}: set one of them, not both")
        return self
