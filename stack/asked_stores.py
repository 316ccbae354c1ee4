"""Where the platform finds the stores that its monitoring API asks."""

from __future__ import annotations

from typing import Final

from stack.environment import Environment
from stack.native import logins

PAIRS: Final = {
    "LMS_LOKI_URL": "LMS_VICTORIALOGS_URL",
    "LMS_VICTORIALOGS_URL": "LMS_LOKI_URL",
    "LMS_TEMPO_URL": "LMS_JAEGER_URL",
    "LMS_JAEGER_URL": "LMS_TEMPO_URL",
}
"""Of each pair of variables one may be set: there is one log store and one trace store."""

ADDRESSES: Final = ("LMS_PROMETHEUS_URL", "LMS_ALERTMANAGER_URL", *PAIRS)


def native(environment: Environment) -> dict[str, str]:
    """Returns the platform's variables in the native stack; those that the user has set come on top.

    Our passwords are left out if a store is the user's own: they would be sent to it.
    """
    stack = environment.stack
    ours = {
        "LMS_PROMETHEUS_URL": f"http://127.0.0.1:{stack.port_prometheus}",
        "LMS_ALERTMANAGER_URL": f"http://127.0.0.1:{stack.port_alertmanager}",
        "LMS_JAEGER_URL": f"http://127.0.0.1:{stack.port_jaeger}",
        "LMS_VICTORIALOGS_URL": f"http://127.0.0.1:{stack.port_victorialogs}",
    }
    if stack.loki_url:
        del ours["LMS_VICTORIALOGS_URL"]
        ours["LMS_LOKI_URL"] = stack.loki_url
    kept = {key: value for key, value in ours.items() if not environment.given(PAIRS.get(key, ""))}
    if not any(map(environment.given, ("LMS_JAEGER_URL", "LMS_TEMPO_URL"))):
        kept["LMS_JAEGER_WEB_URL"] = ours["LMS_JAEGER_URL"]
    if not any(map(environment.given, ADDRESSES)):
        kept["LMS_STORES_USER"] = logins.USER
        kept["LMS_STORES_PASSWORD"] = stack.stores_password.get_secret_value()
        kept["LMS_VICTORIALOGS_PASSWORD"] = stack.victorialogs_password.get_secret_value()
    return kept


def docker(environment: Environment) -> dict[str, str]:
    """Returns the variables of docker-compose.yml that the user has replaced: empty, so unset."""
    return {PAIRS[key]: "" for key in PAIRS if environment.given(key)}
