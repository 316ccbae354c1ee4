"""The code in the library's README runs as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "otel" / "README.md"
NONE = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
TRY = """
import asyncio

from tests.otel.asgi import request

answer = asyncio.run(request(app, "/courses/c1/enrollments", method="POST"))
assert answer.status == 200, answer.body
otel.active().shutdown()
test_enrolment()
"""


def test_the_code_of_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    program = tmp_path / "page.py"
    program.write_text("\n".join([*blocks, TRY]))
    environ = {**os.environ, **NONE, "PYTHONPATH": str(PAGE.parents[1])}
    done = subprocess.run(
        [sys.executable, program], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert len(blocks) == 6
    assert done.returncode == 0, done.stderr
    assert '"event":"enrolled"' in done.stdout
    assert '"course_id":"c1"' in done.stdout
    assert '"event":"last of 30 seats","logger":"enrollments"' in done.stdout
    assert '"tenant":"t1"' in done.stdout
