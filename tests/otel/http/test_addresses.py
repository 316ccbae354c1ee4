"""A client's address stays valid, but no longer identifies a single host."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel.http.span import coarse_address


@pytest.mark.parametrize(
    ("address", "coarse"),
    [
        ("192.0.2.77", "192.0.2.0"),
        ("192.0.2.77:4711", "192.0.2.0"),
        ("::ffff:192.0.2.77", "192.0.2.0"),
        ("2002:c000:24d::1", "192.0.2.0"),
        ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::"),
        ("[2001:db8:85a3:8d3::1]:4711", "2001:db8:85a3::"),
        ("2001:db8::1", "2001:db8::"),
        ("fe80::1ff:fe23:4567:890a%eth0", "fe80::"),
        ("::1", "::"),
        ("testclient", "testclient"),
        ("/run/app.sock", "/run/app.sock"),
        ("[::1", "[::1"),
        ("", ""),
    ],
)
def test_an_address_is_truncated(address: str, coarse: str) -> None:
    assert coarse_address(address) == coarse


@given(st.ip_addresses())
def test_a_truncated_address_is_valid_and_names_no_single_host(address: IPv4Address | IPv6Address) -> None:
    coarse = ip_address(coarse_address(str(address)))
    assert int(coarse) % 2 ** (8 if coarse.version == 4 else 80) == 0
