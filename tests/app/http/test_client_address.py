"""The client is the right-most hop that is no proxy of ours, and nothing that a client sends changes that."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.addresses import UNKNOWN, Proxies
from app.core.settings import Settings
from app.http.client_address import ClientAddresses, client_address, forwarded_for
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock

PROXY: Final = "10.0.0.1"
CLIENT: Final = "192.0.2.7"
PROXIES: Final = Proxies.read("10.0.0.0/8,fd00::/8")
Headers = list[tuple[str, str]]


def found(
    headers: Headers, peer: str | None = PROXY, *, proxies: Proxies = PROXIES, header: str | None = None
) -> str:
    """Returns what is counted; the proxies write the header that comes first, unless `header` names one."""
    header = header or next((name for name, _ in headers), "forwarded")
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    scope: dict[str, Any] = {"type": "http", "client": None if peer is None else (peer, 1234), "headers": raw}
    ClientAddresses(proxies, header).settle(scope)
    return client_address(scope)


def x(*values: str) -> Headers:
    return [("x-forwarded-for", value) for value in values]


def forwarded(*values: str) -> Headers:
    return [("forwarded", value) for value in values]


HOPS: Final = [
    (x(CLIENT), CLIENT),
    (x(f"{CLIENT}:4711"), CLIENT),
    (x(f"198.51.100.1, {CLIENT}"), CLIENT),
    (x(f"198.51.100.1, {CLIENT}, 10.0.0.9"), CLIENT),
    (x("198.51.100.1", f"{CLIENT},10.0.0.9", "fd00::3"), CLIENT),
    (x("2001:db8:1:2:3::4"), "2001:db8:1:2::/64"),
    (x("[2001:db8:1:2:3::4]:80"), "2001:db8:1:2::/64"),
    (x(f"::ffff:{CLIENT}"), CLIENT),
    (x("10.0.0.8, 10.0.0.9"), "10.0.0.8"),
    (x(""), PROXY),
    (x("unknown"), PROXY),
    (x(f"{CLIENT}, garbage"), PROXY),
    (x(f"{CLIENT}, garbage, 10.0.0.9"), "10.0.0.9"),
    (forwarded(f"for={CLIENT}"), CLIENT),
    (forwarded(f'For="{CLIENT}:4711";proto=https;by=10.0.0.1'), CLIENT),
    (forwarded('for="[2001:db8:1:2:3::4]:4711"'), "2001:db8:1:2::/64"),
    (forwarded('FOR="[2001:db8:1:2:3::4]"'), "2001:db8:1:2::/64"),
    (forwarded(f'for=198.51.100.1, for={CLIENT};host="a,b;for=198.51.100.2;", for=10.0.0.9'), CLIENT),
    (forwarded(f'host="a\\",for=198.51.100.2";for={CLIENT}'), CLIENT),
    (forwarded("for=198.51.100.1", f"for={CLIENT}", "for=10.0.0.9"), CLIENT),
    (forwarded(f'for="198.51.100.1, for={CLIENT}'), CLIENT),
    (forwarded(f'for="198.51.100.1, for="{CLIENT}"'), CLIENT),
    (forwarded("for=unknown"), PROXY),
    (forwarded("for=_hidden, for=10.0.0.9"), "10.0.0.9"),
    (forwarded("proto=https"), PROXY),
    (forwarded(f"for={CLIENT};for=198.51.100.1"), PROXY),
    (forwarded(f"for={CLIENT} garbage"), PROXY),
    (x(CLIENT) + forwarded("for=198.51.100.1"), CLIENT),
    (x(CLIENT) + forwarded("nonsense"), CLIENT),
    (forwarded(f"for={CLIENT}") + x("198.51.100.1"), CLIENT),
]


@pytest.mark.parametrize(("headers", "client"), HOPS)
def test_the_client_is_the_right_most_hop_that_is_no_proxy(headers: Headers, client: str) -> None:
    assert found(headers) == client


@pytest.mark.parametrize("headers", [headers for headers, _ in HOPS])
def test_only_a_proxy_is_believed(headers: Headers) -> None:
    assert found(headers, peer="203.0.113.1") == "203.0.113.1"
    assert found(headers, proxies=Proxies()) == PROXY
    assert found(headers, peer=None) == UNKNOWN


def test_a_named_header_is_the_only_one_that_is_read() -> None:
    both = x(CLIENT) + forwarded("for=198.51.100.1")
    assert found(both, header="x-forwarded-for") == CLIENT
    assert found(both, header="forwarded") == "198.51.100.1"


def test_a_proxy_on_a_unix_socket() -> None:
    assert found(x(CLIENT), peer=None, proxies=Proxies.read("unix")) == CLIENT
    assert found(x(CLIENT), peer=None) == UNKNOWN


def test_a_peer_that_is_no_address() -> None:
    assert found(x(CLIENT), peer="testclient") == UNKNOWN


LATIN: Final = st.text(st.characters(codec="latin-1"), max_size=60)
SENT: Final = st.one_of(
    LATIN,
    st.text(',;"\\= for=[]:10.27', max_size=60),
    st.ip_addresses().map(str),
    st.ip_addresses().map(lambda address: f'for="[{address}]:80"'),
)


@given(SENT, st.lists(SENT, max_size=3))
@example('for="', [])
@example('x="\\', ['"'])
def test_nothing_that_a_client_sends_moves_it(text: str, lines: list[str]) -> None:
    """The proxy appends to the client's last line, or adds a line of its own."""
    for appended in (x(*lines, f"{text}, {CLIENT}"), x(*lines, text, CLIENT)):
        assert found([*appended, *forwarded(text)], header="x-forwarded-for") == CLIENT
    for element in (f"for={CLIENT}", f'for="{CLIENT}:80";host="a, b"'):
        for appended in (forwarded(*lines, f"{text}, {element}"), forwarded(*lines, text, element)):
            assert found([*appended, *x(text)], header="forwarded") == CLIENT


@pytest.mark.parametrize("named", [None, ""])
def test_the_header_is_x_forwarded_for_unless_the_other_one_is_named(named: str | None) -> None:
    options = {} if named is None else {"forwarded_header": named}
    settings = make_settings("mongodb://x/y", "redis://x/0", trusted_proxies="10.0.0.0/8", **options)
    sent = x(CLIENT) + forwarded("for=198.51.100.1")
    assert found(sent, header=settings.forwarded_header) == CLIENT


HOSTILE: Final = [
    ";" + " " * 65_536 + "!",
    "a=b" + " " * 65_536 + "!",
    "for=" + " " * 65_536 + "!",
    "a=" * 32_768,
    "a" * 65_536,
    ";" * 65_536,
    'for="' + "\\" * 65_536,
    'for="' + '\\"' * 32_768,
    '"' * 65_536,
    '"\\' * 32_768,
    "for=a;" * 10_000 + "!",
]


def read_hostile() -> None:
    for text in HOSTILE:
        for _ in forwarded_for(text):
            pass


def test_no_header_takes_time_that_grows_faster_than_its_length() -> None:
    """Read in a process that may use 20 s of CPU time: in proportion it takes 0.2 s, by squares minutes."""
    reading = f"from {__name__} import read_hostile; read_hostile()"
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, (20, 20)); {reading}"
    subprocess.run([sys.executable, "-c", limit], check=True, timeout=120)


@given(
    st.lists(st.tuples(st.sampled_from(["forwarded", "x-forwarded-for", "x-real-ip"]), SENT), max_size=5),
    LATIN,
)
def test_garbage_never_raises(headers: Headers, peer: str) -> None:
    found(headers)
    found(headers, peer=peer)


@given(st.integers(1, 5000))
def test_a_long_chain_is_read_from_the_right(length: int) -> None:
    assert found(x(",".join([*["198.51.100.1"] * length, CLIENT]))) == CLIENT
    assert found(x(",".join(["10.0.0.2"] * length))) == "10.0.0.2"


async def test_telemetry_has_the_client_too(
    settings: Settings, telemetry: Captured, clock: FixedClock
) -> None:
    behind = make_settings(settings.mongodb_url, settings.redis_url, trusted_proxies="127.0.0.0/8")
    async with serving(behind, telemetry, clock) as api:
        await api.client.get("/courses", headers={"X-Forwarded-For": "198.51.100.1, 192.0.2.7"})
    [span] = [each for each in telemetry.spans if each.name == "GET /api/v1/courses"]
    assert (span.attributes or {})["client.address"] == "192.0.2.0"
