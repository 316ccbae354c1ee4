"""Builds a Go tool without the parts that we do not use: small packages of ours replace them.

Elasticsearch is half of what Jaeger compiles and keeps in memory, and it has no build tags to exclude it. A
package below `stack/native/tools/instead` has the import path of the one it replaces, declares the few names
that the rest of the program needs, and returns errors if used.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from stack.native.toolchain.kinds import GoTool

_REQUIRED = re.compile(r"^\s*(?:require )?(\S+) v\S+", re.MULTILINE)


def flags(tool: GoTool, home: Path, download: Callable[[Sequence[str]], str]) -> list[str]:
    """Returns the flags that make `go build` use ours; copies the affected modules to the folder `home`.

    `download` runs `go mod download -json` for module paths and returns its output.
    """
    if not tool.instead:
        return []
    pins = (tool.folder / "go.mod").read_text(encoding="utf-8")
    known = _REQUIRED.findall(pins)
    ours = tool.instead_sources()
    packages = {str(Path(name).parent) for name in ours}
    modules = sorted({_home(package, known) for package in packages})
    shutil.rmtree(home, ignore_errors=True)
    for module, source in zip(modules, _folders(download(modules)), strict=True):
        copy = home / module
        # Hard links, because almost nothing changes.
        shutil.copytree(source, copy, copy_function=os.link)
        pins = re.sub(rf"(?m)^replace {re.escape(module)} =>.*$", "", pins) + f"replace {module} => {copy}\n"
    for package in packages:
        _empty(home / package)
    for name, source in ours.items():
        shutil.copy(source, home / name)
    (home / "go.mod").write_text(pins, encoding="utf-8")
    shutil.copy(tool.folder / "go.sum", home)
    return [f"-modfile={home / 'go.mod'}"]


def _home(package: str, modules: Iterable[str]) -> str:
    """Returns the module that contains the package: of several, the one with the longest path."""
    return max((each for each in modules if f"{package}/".startswith(f"{each}/")), key=len)


def _folders(printed: str) -> Iterator[Path]:
    """Yields each module's folder in the module cache from concatenated JSON objects.

    Modules are matched by order: one that go.mod replaces is printed with the path of its replacement.
    """
    decoder = json.JSONDecoder()
    rest = printed.strip()
    while rest:
        module, end = decoder.raw_decode(rest)
        yield Path(module["Dir"])
        rest = rest[end:].lstrip()


def _empty(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for theirs in folder.glob("*.go"):
        theirs.unlink()
