"""Follows the section of collector-config/README.md about adding a sink, in a copy of the project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stack.settings import REPOSITORY
from tests.copies import copy_of_the_project

PAGE = REPOSITORY / "collector-config" / "README.md"


@pytest.fixture(name="copy", scope="module")
def _copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the files of the page's section, and nothing else changed."""
    folder = tmp_path_factory.mktemp("newcomer")
    copy_of_the_project(folder)
    for name, text in _files().items():
        path = folder / "collector-config" / name
        assert not path.exists(), "a new file, not a change of one"
        path.write_text(text)
    return folder


def _files() -> dict[str, str]:
    """Returns the files of the section: a block of YAML follows the bold name of each."""
    section = PAGE.read_text().partition("## Add a sink")[2].partition("\n## ")[0]
    found = dict(
        re.findall(r"\*\*`([\w./-]+)`\*\*[^\n]*\n(?:[^`\n][^\n]*\n)*\n```yaml\n(.*?)```", section, re.DOTALL)
    )
    assert list(found) == ["acme.yaml", "tests/cases/acme.yml"]
    return found


def _run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    own = {**os.environ, "PYTHONPATH": str(copy / "collector-config")}
    return subprocess.run(
        command, cwd=copy, env=own, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_new_sink_passes_every_test_of_a_fragment(copy: Path) -> None:
    """Its golden case (two chains), alone and left out, no list repeated, a case for each fragment."""
    files = [f"tests/collector_config/test_collector_{name}.py" for name in ("golden", "fragments")]
    chosen = "acme or no_list_is or every_fragment"
    done = _run(
        copy,
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        chosen,
        *files,
        "tests/collector_config/test_matrix.py",
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "6 passed" in done.stdout, done.stdout[-500:]


def test_the_page_is_written_with_the_new_sink(copy: Path) -> None:
    assert _run(copy, "stack.generated", "write").returncode == 0
    page = (copy / "collector-config" / "FRAGMENTS.md").read_text()
    assert "## acme.yaml" in page
    assert "| `ACME_URL` | **needed** | its OTLP/HTTP address. |" in page


def test_the_windows_know_the_new_sink(copy: Path) -> None:
    done = _run(copy, "stack.windows")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "otlp_http/acme (traces): the outage <= what the queue holds" in done.stdout
    path = copy / "collector-config" / "acme.yaml"
    text = path.read_text()
    path.write_text(text.replace("queue_size: 1073741824", "queue_size: 1048576"))
    try:
        assert _run(copy, "stack.windows", "--quiet").returncode == 1
    finally:
        path.write_text(text)


def test_the_fragment_is_one_file_that_repeats_no_list() -> None:
    content = yaml.safe_load(_files()["acme.yaml"])
    assert list(content["service"]["pipelines"]) == ["traces/acme"]
    assert content["service"].keys() == {"pipelines"}
