"""How two Alertmanagers of the native stack know each other."""

from __future__ import annotations

from stack.settings import StackSettings


def arguments(stack: StackSettings) -> dict[str, str | list[str]]:
    """Returns the arguments of each by placeholder; one alone listens to nobody."""
    if stack.alertmanagers == 1:
        return {"gossip": ["--cluster.listen-address="], "gossip_2": []}
    ports = (stack.port_alertmanager_gossip, stack.port_alertmanager_gossip_2)
    first, second = (f"127.0.0.1:{port}" for port in ports)
    return {
        "gossip": [f"--cluster.listen-address={first}", f"--cluster.peer={second}"],
        "gossip_2": [f"--cluster.listen-address={second}", f"--cluster.peer={first}"],
    }
