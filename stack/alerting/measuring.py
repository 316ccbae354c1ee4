"""Collects what the platform measures, from its code: `make generate` writes it to `measured.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from app.core.settings import Settings
from app.core.telemetry import LMS_METRICS
from app.main import create_app
from otel import docs
from stack.canary.verdict import Verdict

# Kept by no process: no connection is opened, and nothing is signed.
_UNUSED = {
    "mongodb_url": "mongodb://127.0.0.1:1/none",
    "redis_url": "redis://127.0.0.1:1/0",
    "jwt_secret": SecretStr("no process of the platform has this secret"),
    "certificate_key": SecretStr("A" * 43),
    "admin_password": SecretStr("nobody signs in with this 7261"),
    "metrics_token": SecretStr("nobody scrapes with this token"),
    "alerts_token": SecretStr("nobody notifies with this token"),
    "demo_failure_ratio": 1,
}


def render() -> str:
    """Returns routes and metrics as JSON, in the form that `Measured` reads."""
    families = dict(sorted({**_declared(), **_canary()}.items()))
    return json.dumps({"routes": sorted(_routes()), "metrics": families}, indent=1) + "\n"


def _routes() -> Iterator[str]:
    app = create_app(Settings.model_validate(_UNUSED))
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            yield f"{method} {route.path}"


def _declared() -> dict[str, dict[str, Any]]:
    return {
        name: {
            "kind": declaration.kind,
            "labels": {
                label.replace(".", "_"): [str(value) for value in rule] if isinstance(rule, tuple) else []
                for label, rule in declaration.attributes.items()
            },
            "buckets": declaration.buckets,
        }
        for name, declaration in docs.declared([LMS_METRICS]).items()
    }


def _canary() -> dict[str, dict[str, Any]]:
    families = {}
    for metric in Verdict(interval=60).registry.collect():
        samples = metric.samples
        labels = {label: {sample.labels.get(label) for sample in samples} for label in samples[0].labels}
        bounds = dict.fromkeys(float(sample.labels["le"]) for sample in samples if "le" in sample.labels)
        labels.pop("le", None)
        families[metric.name + ("_total" if metric.type == "counter" else "")] = {
            "kind": metric.type,
            "labels": {name: sorted(filter(None, values)) for name, values in labels.items()},
            "buckets": [bound for bound in bounds if bound != float("inf")],
        }
    return families
