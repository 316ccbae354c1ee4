"""Our own Go packages pass their tests, with the Go that builds the tools."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stack.native.toolchain import go as golang
from stack.native.toolchain.build import Workshop
from stack.native.toolchain.cache import cache_dir
from stack.native.toolchain.catalogue import REPOSITORY, tool_of
from stack.native.toolchain.kinds import GoTool
from stack.native.toolchain.progress import Board
from tests.stack.native.conftest import write_module

DISTRIBUTION = REPOSITORY / "collector-config" / "distribution"
PACKAGES = sorted({path.parent.relative_to(DISTRIBUTION) for path in DISTRIBUTION.rglob("*_test.go")})
# A fresh machine first downloads and compiles the package's dependencies.
PATIENCE = 1200


def _test(go: golang.Go, module: Path, package: str) -> subprocess.CompletedProcess[str]:
    # Kept between runs: only what changed is recompiled.
    scratch = cache_dir() / "tests"
    (scratch / "tmp").mkdir(parents=True, exist_ok=True)
    # -count=1: Go would cache the result of a test that reads a file outside of the module.
    command = [str(go.command), "test", "-count=1", "-timeout=300s", f"./{package}"]
    return subprocess.run(
        command,
        cwd=module,
        env=golang.environment(go, scratch),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE - 30,
        check=False,
    )


@pytest.fixture(name="go_of_the_distribution", scope="module")
def _go_of_the_distribution() -> golang.Go:
    tool = tool_of("otelcol-lms")
    assert isinstance(tool, GoTool)
    return Workshop(cache_dir(), Board()).find_go(tool.go_line)


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_package_passes_its_own_tests(package: Path, go_of_the_distribution: golang.Go) -> None:
    done = _test(go_of_the_distribution, DISTRIBUTION, str(package))
    assert done.returncode == 0, done.stdout


def test_a_failing_go_test_is_reported(real_go: golang.Go, tmp_path: Path) -> None:
    module = tmp_path / "module"
    write_module(module)
    (module / "cmd" / "hello" / "main_test.go").write_text(
        'package main\n\nimport "testing"\n\nfunc TestIt(t *testing.T) { t.Fatal("reported") }\n'
    )
    done = _test(real_go, module, "cmd/hello")
    assert done.returncode == 1
    assert "reported" in done.stdout
