"""Network addresses of clients: how they are written, counted and shortened."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

UNKNOWN: Final = "unknown"
"""The address of a client that has none, such as one on a Unix socket."""

UNIX: Final = "unix"
"""Names the peers on a Unix socket among the trusted proxies."""

_COUNTED_BITS: Final = 64
_COARSE_BITS: Final = {4: 24, 6: 48}

Address = IPv4Address | IPv6Address


def parse(text: str) -> Address | None:
    """Returns the address that ``text`` names, perhaps with a port or a zone; None if it names none.

    Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80` and `fe80::1%eth0`.
    An IPv4 address inside an IPv6 one (`::ffff:192.0.2.1`) is IPv4.
    """
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def counted_as(text: str) -> str:
    """Returns what is counted for an address: IPv4 as it is, IPv6 as its /64, which one customer has.

    Reads such a /64, too. Anything else is `unknown`.
    """
    found = parse(text.removesuffix(f"/{_COUNTED_BITS}"))
    if found is None:
        return UNKNOWN
    return _network(found, _COUNTED_BITS) if isinstance(found, IPv6Address) else str(found)


def coarse(text: str) -> str:
    """Returns a network that is too large to identify a person: /24 of IPv4, /48 of IPv6."""
    found = parse(text.partition("/")[0])
    return UNKNOWN if found is None else _network(found, _COARSE_BITS[found.version])


def _network(address: Address, bits: int) -> str:
    dropped = address.max_prefixlen - bits
    return f"{type(address)(int(address) >> dropped << dropped)}/{bits}"


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose word about their clients is believed."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    @classmethod
    def read(cls, text: str) -> Self:
        """Returns the proxies that a setting such as `10.0.0.0/8,fd00::/8,unix` names.

        Raises:
            ValueError: A part of it is neither a network nor `unix`.
        """
        words = [word.strip().lower() for word in text.split(",") if word.strip()]
        try:
            networks = tuple(ip_network(word) for word in words if word != UNIX)
        except ValueError:
            raise ValueError(
                "must be networks such as 10.0.0.0/8,fd00::/8, and unix for peers on a Unix socket"
            ) from None
        return cls(networks, UNIX in words)

    def covers(self, address: Address) -> bool:
        """Tells whether a proxy has this address."""
        return any(address in network for network in self.networks)
