"""The stores of a process: opened from its settings, each None without an address."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from pydantic import SecretStr

from app.core.settings import Settings
from app.infra.stores.alertmanager import Alertmanager
from app.infra.stores.client import Login, StoreClient
from app.infra.stores.logs import LogStore
from app.infra.stores.loki import Loki
from app.infra.stores.otlp_traces import JAEGER_PATH, TEMPO_PATH, OtlpTraces
from app.infra.stores.prometheus import Prometheus
from app.infra.stores.traces import TraceStore
from app.infra.stores.victorialogs import VictoriaLogs

_Client = Callable[[str, str, SecretStr | None], StoreClient]


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores whose address is configured."""

    prometheus: Prometheus | None
    alertmanager: Alertmanager | None
    logs: LogStore | None = None
    traces: TraceStore | None = None


def open_stores(settings: Settings, stack: AsyncExitStack) -> Stores:
    """Opens clients of the configured stores, without a request; ``stack`` closes them."""

    def client(source: str, address: str, password: SecretStr | None) -> StoreClient:
        login = None if password is None else Login(settings.stores_user, password.get_secret_value())
        opened = StoreClient(source, address, seconds=settings.stores_seconds, login=login)
        stack.push_async_callback(opened.close)
        return opened

    shared = settings.stores_password
    metrics, alerts = settings.prometheus_url, settings.alertmanager_url
    return Stores(
        prometheus=Prometheus(client("prometheus", metrics, shared)) if metrics else None,
        alertmanager=Alertmanager(client("alertmanager", alerts, shared)) if alerts else None,
        logs=_log_store(settings, client),
        traces=_trace_store(settings, client),
    )


def _log_store(settings: Settings, client: _Client) -> LogStore | None:
    if settings.victorialogs_url:
        return VictoriaLogs(client("victorialogs", settings.victorialogs_url, settings.victorialogs_password))
    return Loki(client("loki", settings.loki_url, None)) if settings.loki_url else None


def _trace_store(settings: Settings, client: _Client) -> TraceStore | None:
    password = settings.stores_password
    if settings.jaeger_url:
        return OtlpTraces(client("jaeger", settings.jaeger_url, password), JAEGER_PATH)
    return (
        OtlpTraces(client("tempo", settings.tempo_url, password), TEMPO_PATH) if settings.tempo_url else None
    )
