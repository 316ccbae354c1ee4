from __future__ import annotations

import pytest

from stack.demo.__main__ import address, main
from stack.demo.catalogue import DemoError
from tests.programs import free_port


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000"])
def test_this_machine_is_accepted_as_a_target(url: str) -> None:
    assert address(url, allow_remote=False) == url.rstrip("/")


@pytest.mark.parametrize("url", ["https://lms.example", "http://10.0.0.1", "http://127.0.0.1.lms.example"])
def test_another_machine_needs_an_explicit_option(url: str) -> None:
    with pytest.raises(DemoError, match="--allow-remote"):
        address(url, allow_remote=False)
    assert address(url, allow_remote=True) == url


@pytest.mark.parametrize("url", ["lms", "ftp://127.0.0.1", "http://"])
def test_an_invalid_address_is_reported(url: str) -> None:
    with pytest.raises(DemoError, match="--url is"):
        address(url, allow_remote=True)


def test_a_platform_that_is_not_running_is_a_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["learners", "--url", url, "--seconds", "1"]) == 1
    assert (
        capsys.readouterr().err == f"No platform answers at {url} (ConnectError): start it with `make up`.\n"
    )


@pytest.mark.parametrize("option", ["--seconds", "--rate"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "many"])
def test_an_invalid_length_or_rate_is_rejected(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["learners", f"{option}={value}"])
    assert ended.value.code == 2
    assert option in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["catalogue"], ["learners"]])
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert "usage: python -m stack.demo" in capsys.readouterr().out
