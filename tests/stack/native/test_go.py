from pathlib import Path

import pytest

from stack.native.toolchain import go as golang
from stack.native.toolchain.kinds import GoTool


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://proxy.example,direct", "https://proxy.example"),
        ("https://proxy.example|direct", "https://proxy.example"),
        ("https://a.example,https://b.example, direct", "https://a.example,https://b.example"),
        ("https://proxy.example", "https://proxy.example"),
        ("https://direct.example", "https://direct.example"),
        ("direct", "direct"),
        ("off", "off"),
    ],
)
def test_a_trailing_direct_is_dropped_from_the_proxy_list(given: str, used: str) -> None:
    assert golang.without_direct(given) == used


def test_the_users_go_settings_do_not_reach_the_build(real_go: golang.Go, tmp_path: Path) -> None:
    mine = {
        "PATH": "/usr/bin",
        "HOME": str(tmp_path),
        "GOPROXY": "https://proxy.example,direct",
        "GOFLAGS": "-mod=vendor",
        "GOROOT": "/old",
        "GOEXPERIMENT": "x",
        "GOMODCACHE": "/mine",
        "CGO_CFLAGS": "-O9",
        "HTTPS_PROXY": "http://gateway.example",
    }
    used = golang.environment(real_go, tmp_path / "scratch", mine)
    assert used["GOPROXY"] == "https://proxy.example"
    assert used["GOFLAGS"] == "-mod=readonly -modcacherw -buildvcs=false"
    assert used["CGO_ENABLED"] == "0"
    assert used["GOTOOLCHAIN"] == "local"
    assert used["HTTPS_PROXY"] == "http://gateway.example"
    assert not {"GOROOT", "GOEXPERIMENT", "CGO_CFLAGS"} & used.keys()
    folders = ("GOCACHE", "GOMODCACHE", "GOPATH", "GOTMPDIR", "TMPDIR")
    assert all(Path(used[name]).is_relative_to(tmp_path / "scratch") for name in folders)


def test_tags_and_version_reach_the_command(real_go: golang.Go, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x.test\n\nrequire m v1.2.3\n")
    tool = GoTool("x", tmp_path, "m", {"x": "."}, 1, 1, ("netgo", "remove_all_sd"), "m/version.Version")
    command = golang.build_command(real_go, tool, tmp_path / "out")
    assert "-tags=netgo,remove_all_sd" in command
    assert "-ldflags=-s -w -X m/version.Version=1.2.3" in command
    assert f"-o={tmp_path}/out/" in command


def _fake_go(folder: Path, version: str) -> None:
    command = folder / "go"
    command.write_text(f"#!/bin/sh\necho '{version}'\n")
    command.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        ("go1.26.7", True),
        ("go1.26.8", True),
        ("go1.27.0", True),
        ("go1.26.8 X:boringcrypto", True),
        ("go1.26", False),
        ("go1.9.7", False),
        ("devel +abc", False),
        ("", False),
    ],
)
def test_the_machines_go_is_used_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, accepted: bool
) -> None:
    _fake_go(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = golang.find_on_path((1, 26, 7))
    assert (found is not None) == accepted


def test_a_missing_go_is_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert golang.find_on_path((1, 21)) is None
