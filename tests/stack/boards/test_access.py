from __future__ import annotations

import pytest

from stack.boards.access import ATTEMPTS, SESSION_SECONDS, WITHIN_SECONDS, Access

PASSWORD = "correct horse battery"


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_only_the_login_is_admitted() -> None:
    access = Access(PASSWORD)
    assert access.admits("admin", PASSWORD, "a")
    for user, password in [
        ("admin", ""),
        ("", PASSWORD),
        ("Admin", PASSWORD),
        ("admin", f"{PASSWORD} "),
        ("ä", "\ud800"),
    ]:
        assert not access.admits(user, password, "a")


def test_an_address_has_few_attempts() -> None:
    clock = Clock()
    access = Access(PASSWORD, clock)
    for _ in range(ATTEMPTS):
        assert access.wait("a") == 0
        access.admits("admin", "wrong", "a")
    assert access.wait("a") == WITHIN_SECONDS
    assert access.wait("b") == 0
    clock.now += WITHIN_SECONDS - 1
    assert access.wait("a") == 1
    clock.now += 1
    assert access.wait("a") == 0


def test_a_login_forgets_the_attempts_before_it() -> None:
    access = Access(PASSWORD, Clock())
    for _ in range(ATTEMPTS - 1):
        access.admits("admin", "wrong", "a")
    access.admits("admin", PASSWORD, "a")
    access.admits("admin", "wrong", "a")
    assert access.wait("a") == 0


def test_addresses_do_not_fill_the_memory() -> None:
    access = Access(PASSWORD, Clock())
    for number in range(1500):
        access.admits("admin", "wrong", f"address {number}")
    assert len(access._failed) == 1000


def test_a_session_ends() -> None:
    clock = Clock()
    access = Access(PASSWORD, clock)
    cookie = access.session()
    assert access.knows(cookie)
    clock.now += SESSION_SECONDS - 1
    assert access.knows(cookie)
    clock.now += 1
    assert not access.knows(cookie)


@pytest.mark.parametrize("made_up", ["", "9{}", "{}0", ".{}", "{}ä", "\ud800", "9999999999."])
def test_a_cookie_cannot_be_made_up(made_up: str) -> None:
    access = Access(PASSWORD)
    cookie = access.session()
    assert not access.knows(made_up.format(cookie))
    assert not access.knows(cookie[:-1])
    assert not Access(PASSWORD).knows(cookie)  # of another start


def test_a_session_that_was_ended_is_over_and_no_other_is() -> None:
    access = Access(PASSWORD)
    mine, other = access.session(), access.session()
    access.end(mine)
    access.end("made up")
    assert (access.knows(mine), access.knows(other)) == (False, True)


def test_sessions_do_not_fill_the_memory() -> None:
    clock = Clock()
    access = Access(PASSWORD, clock)
    for _ in range(3):
        access.session()
        clock.now += SESSION_SECONDS
    assert len(access._sessions) == 1


def test_the_addresses_of_this_machine_count_as_one() -> None:
    access = Access(PASSWORD, Clock())
    for address in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "127.0.0.2"):
        access.admits("admin", "wrong", address)
    assert access.wait("127.0.0.9") == WITHIN_SECONDS
    assert access.wait("192.0.2.1") == 0
