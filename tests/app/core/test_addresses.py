from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.addresses import UNKNOWN, Proxies, coarse, counted_as, parse


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:DB8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        *(
            (garbage, UNKNOWN)
            for garbage in ("", "unknown", "_hidden", "192.0.2.256", "1", "::1::", "[", "%", "a/64")
        ),
    ],
)
def test_what_is_counted(text: str, counted: str) -> None:
    assert counted_as(text) == counted


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_one_network_is_counted_once(address: IPv6Address, host: int) -> None:
    if address.ipv4_mapped is not None:
        return
    neighbour = IPv6Address(int(address) >> 64 << 64 | host)
    assert counted_as(str(neighbour)) == counted_as(str(address)) == counted_as(f"[{address}]:443")


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_one_in_every_form(address: IPv4Address) -> None:
    assert (
        counted_as(f"::ffff:{address}")
        == counted_as(f"{address}:80")
        == counted_as(str(address))
        == str(address)
    )


@given(st.text())
def test_garbage_never_raises(text: str) -> None:
    counted_as(text)
    coarse(text)
    assert parse(text) is None or counted_as(text) != UNKNOWN


@given(st.ip_addresses())
def test_a_coarse_address_covers_many(address: IPv4Address | IPv6Address) -> None:
    network = ip_network(coarse(str(address)))
    assert network.num_addresses >= 256
    assert parse(str(address)) in network


@pytest.mark.parametrize("text", ["10.0.0.0/8,all", "10.0.0.1/8", "300.0.0.0/8", "*"])
def test_a_wrong_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be networks such as"):
        Proxies.read(text)


def test_networks_are_read() -> None:
    proxies = Proxies.read(" 10.0.0.0/8, fd00::/8,UNIX,")
    assert proxies.unix
    assert proxies.covers(IPv4Address("10.1.2.3"))
    assert not proxies.covers(IPv6Address("2001:db8::1"))
    assert Proxies.read("") == Proxies()
