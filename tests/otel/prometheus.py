"""Parses the Prometheus text of running telemetry."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from otel.telemetry import Telemetry

Labels = tuple[tuple[str, str], ...]


def families(telemetry: Telemetry) -> dict[str, dict[tuple[str, Labels], float]]:
    """Returns each family's samples by name and sorted labels."""
    text = telemetry.prometheus_text().decode()
    return {
        family.name: {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def by_label(telemetry: Telemetry, family: str, label: str) -> dict[str, float]:
    """Returns a family's values by one label, or by an empty string for a sample without it."""
    return {dict(labels).get(label, ""): value for (_, labels), value in families(telemetry)[family].items()}
