"""What a bundle tells people: its pages, and the commands on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.alertmanager import runbook_text

PROGRAMS: Final = frozenset(
    re.findall(r"\w+", "amtool curl df du export free kubectl prometheus promtool ps python3 sed ss sudo top")
)
"""What a machine with Prometheus, Alertmanager and Kubernetes has; `export` is the shell's."""
SPAN: Final = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
INDENTED: Final = re.compile(r"^ {4,}(\S.*)$", re.MULTILINE)
_FENCED: Final = re.compile("```.*?```", re.DOTALL)
_LEFT_OUT: Final = "## What is left out"


def pages(bundle: Path) -> dict[str, str]:
    """Returns the pages by path, without the alerts' expressions and the list of what is left out."""
    found = {
        str(path.relative_to(bundle)): _FENCED.sub("", path.read_text()) for path in bundle.rglob("*.md")
    }
    found["README.md"], _, left_out = found["README.md"].partition(_LEFT_OUT)
    assert left_out
    return found


def commands(read: Mapping[str, str]) -> list[tuple[str, str]]:
    """Returns page and text of each span and indented line that starts a program of some machine."""
    found = [(name, each) for name, text in read.items() for each in SPAN.findall(INDENTED.sub("", text))]
    found += [(name, each) for name, text in read.items() for each in INDENTED.findall(text)]
    known = PROGRAMS | runbook_text.PROGRAMS
    return [
        (name, " ".join(each.split())) for name, each in found if " " in each and each.split()[0] in known
    ]
