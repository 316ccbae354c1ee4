"""The page about the fragments says of each exactly what the file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector_kit.fragments import FRAGMENTS, CollectorError
from collector_kit.page import render, variables

GOOD = """\
# Traces to Acme.
#
# Needs: Acme, and
#   a friend of it.
# Promises: nothing.
# Use: at will.
# ACME_URL: its address.
# ACME_QUEUE: bytes.
exporters:
  otlp_http/acme:
    endpoint: ${env:ACME_URL}
    # ${env:ACME_OLD} is no variable
    size: ${env:ACME_QUEUE:-5}
"""


def test_a_section_is_the_comment_and_the_variables_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(GOOD)
    page = render(tmp_path)
    assert "## acme.yaml\n\nTraces to Acme.\n\n- **Needs**: Acme, and a friend of it.\n" in page
    assert "| `ACME_URL` | **needed** | its address. |\n| `ACME_QUEUE` | `5` | bytes. |\n" in page


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# Promises: nothing.\n", "", "acme.yaml: the header comment lacks Promises"),
        ("# ACME_URL: its address.\n", "", "lacks ACME_URL"),
        ("ACME_QUEUE:-5", "ACME_SIZE:-5", "lacks ACME_SIZE"),
        ("# Use: at will.\n", "# Use: at will.\n# ACME_KEY: a key.\n", "the file does not use ACME_KEY"),
    ],
)
def test_a_comment_that_says_too_little_or_too_much_is_named(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    (tmp_path / "acme.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(CollectorError, match=says):
        render(tmp_path)


def test_every_fragment_has_a_section() -> None:
    page = (FRAGMENTS / "FRAGMENTS.md").read_text()
    assert all(f"\n## {path.name}\n" in page for path in FRAGMENTS.glob("*.yaml"))
    assert "COLLECTOR_TRACES_QUEUE_BYTES" in variables(FRAGMENTS / "tempo.yaml")
