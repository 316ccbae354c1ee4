"""Describes the machine that a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def described() -> str:
    """Returns cores, processor, system and current load average, for the head of a page."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, load average {load:.1f}"
