from __future__ import annotations

from pathlib import Path

import pytest

from stack import bootstrap, docker
from stack.native.toolchain import wheels
from stack.settings import SettingsError


def test_uv_is_installed_with_the_hashes_of_the_lock() -> None:
    block = bootstrap.BLOCK.search(bootstrap.LOCK.read_text() + "\nend")
    assert block is not None
    assert block[0].startswith("uv==")
    assert block[0].count("--hash=sha256:") > 3
    assert "\nuvicorn" not in block[0]


def test_an_old_python_is_rejected_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "LEAST", (99, 0))
    assert bootstrap.main() == 1
    assert "is too old: install" in capsys.readouterr().err


def test_nothing_is_done_when_the_lock_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text(bootstrap._fingerprint())
    monkeypatch.setattr(bootstrap, "STAMP", stamp)
    assert bootstrap.main() == 0
    assert capsys.readouterr().out == ""


def test_an_environment_that_cannot_be_created_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# nothing\n")
    monkeypatch.setattr(bootstrap, "LOCK", lock)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "venv" / "stamp")
    assert bootstrap.main() == 1
    assert "has no line uv==" in capsys.readouterr().err
    assert not (tmp_path / "venv").exists()


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The machine's certificates, in one of the paths that distributions use."""
    path = tmp_path / "bundle.pem"
    path.touch()
    monkeypatch.setattr(bootstrap, "SYSTEM_BUNDLES", (tmp_path / "none.pem", path))
    return str(path)


def test_pip_and_uv_trust_what_the_machine_trusts(bundle: str) -> None:
    assert bootstrap.installer_environment({"PATH": "/bin", "VIRTUAL_ENV": "/venv"}) == {
        "PATH": "/bin",
        "UV_SYSTEM_CERTS": "true",
        "REQUESTS_CA_BUNDLE": bundle,
    }
    assert wheels.environment({})["UV_SYSTEM_CERTS"] == "true"


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(
    "chosen",
    [
        {"SSL_CERT_FILE": "/own.pem", "REQUESTS_CA_BUNDLE": "/other.pem"},
        {"SSL_CERT_DIR": "/own", "PIP_CERT": "/own.pem"},
        {"UV_SYSTEM_CERTS": "false", "CURL_CA_BUNDLE": ""},
    ],
)
def test_certificates_chosen_by_the_user_are_kept(chosen: dict[str, str]) -> None:
    assert bootstrap.installer_environment(chosen) == chosen


@pytest.mark.usefixtures("bundle")
def test_pip_trusts_the_certificate_file_that_is_set_for_uv() -> None:
    found = bootstrap.installer_environment({"SSL_CERT_FILE": "/own.pem"})
    assert found == {"SSL_CERT_FILE": "/own.pem", "REQUESTS_CA_BUNDLE": "/own.pem"}


def test_without_system_certificates_pip_and_uv_use_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "SYSTEM_BUNDLES", ())
    assert bootstrap.installer_environment({"PATH": "/bin"}) == {"PATH": "/bin"}


@pytest.mark.parametrize("wish", ["dokcer", "DOCKER"])
def test_a_misspelt_choice_of_stack_is_rejected(wish: str) -> None:
    with pytest.raises(SettingsError, match="use docker or native"):
        docker.chosen({"STACK": wish})


def test_native_is_chosen_when_asked_for() -> None:
    assert not docker.chosen({"STACK": "native"})
