"""The native stack's Alertmanagers: one, or two that know each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stack.environment import Environment
from stack.settings import StackSettings


def arguments(stack: StackSettings) -> dict[str, str | list[str]]:
    """Returns the address in messages, and how two know each other; one alone listens to nobody."""
    url = stack.alertmanager_url or f"http://127.0.0.1:{stack.port_alertmanager}"
    if stack.alertmanagers == 1:
        return {"alertmanager_url": url, "gossip": ["--cluster.listen-address="], "gossip_2": []}
    ports = (stack.port_alertmanager_gossip, stack.port_alertmanager_gossip_2)
    first, second = (f"127.0.0.1:{port}" for port in ports)
    return {
        "alertmanager_url": url,
        "gossip": [f"--cluster.listen-address={first}", f"--cluster.peer={second}"],
        "gossip_2": [f"--cluster.listen-address={second}", f"--cluster.peer={first}"],
    }


def left_out(process: Mapping[str, Any], environment: Environment) -> bool:
    """Tells whether a part does not run: the user has an own server, or there is one Alertmanager only."""
    few = process.get("x-alertmanagers", 0) > environment.stack.alertmanagers
    return few or environment.given(process.get("x-unless", ""))
