"""The health checks' thresholds: defaults of the platform's settings, and what an environment changes."""

from __future__ import annotations

from typing import Final

from stack.alerting.thresholds import Thresholds

SETTINGS: Final = {
    "health_cpu": "LMS_HEALTH_MAX_CPU",
    "health_load": "LMS_HEALTH_MAX_LOAD",
    "health_memory": "LMS_HEALTH_MAX_MEMORY",
    "health_swap": "LMS_HEALTH_MAX_SWAP",
    "descriptors_used": "LMS_HEALTH_MAX_DESCRIPTORS",
    "event_loop_lag": "LMS_HEALTH_MAX_LAG_SECONDS",
    "health_pool": "LMS_HEALTH_MAX_POOL",
    "health_redis_memory": "LMS_HEALTH_MAX_REDIS_MEMORY",
    "health_queue": "LMS_HEALTH_MAX_QUEUE",
    "health_disk_free": "LMS_HEALTH_MIN_DISK",
    "health_disk_hours": "LMS_HEALTH_MIN_DISK_HOURS",
}
"""The setting of each threshold; a name without ``health_`` is an alert's as well."""

_HEAD: Final = '''"""The health checks' defaults, generated from alertmanager/thresholds.yml; do not edit."""

from typing import Final

'''


def module() -> str:
    """Returns the platform's module of defaults: one constant per threshold, without ``health_``."""
    thresholds = Thresholds.load()
    lines = (f"{_constant(name)}: Final = {thresholds[name].number}\n" for name in SETTINGS)
    return _HEAD + "".join(lines)


def variables(environment: str) -> dict[str, str]:
    """Returns the platform's settings that the environment's overlay changes.

    Raises:
        AlertingError: the overlay is wrong.
    """
    usual, here = Thresholds.load(), Thresholds.load(environment)
    return {
        setting: here[name].number
        for name, setting in SETTINGS.items()
        if here[name].value != usual[name].value
    }


def _constant(name: str) -> str:
    return name.removeprefix("health_").upper()
