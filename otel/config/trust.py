"""Whose trace context a service accepts: everyone's, nobody's, or that of peers in given networks."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from otel.config.parsing import names

Network = IPv4Network | IPv6Network

ALWAYS: Final = "always"
NEVER: Final = "never"


@dataclass(frozen=True, slots=True)
class Trust:
    """The peers whose `traceparent`, `tracestate` and `baggage` are accepted: all, or those in `networks`."""

    everyone: bool = False
    networks: tuple[Network, ...] = ()

    def covers(self, address: str | None) -> bool:
        """Returns whether the peer at this address is trusted; one without an IP address is in no network."""
        if self.everyone or not self.networks or not address:
            return self.everyone
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        # An address of the other IP version is in no network (`ipaddress`).
        return any(peer in network for network in self.networks)


def trust(value: str) -> Trust:
    """`always`, `never`, or networks separated by commas."""
    words = [word.lower() for word in names(value)]
    if words in ([ALWAYS], [NEVER]):
        return Trust(everyone=words == [ALWAYS])
    try:
        networks = tuple(ip_network(word) for word in words)
    except ValueError:
        networks = ()
    if not networks:
        raise ValueError("must be always, never, or peer networks such as 10.0.0.0/8,fd00::/8")
    return Trust(networks=networks)
