"""Lists what the native stack builds and installs, each with its licence, read from its own files.

A Go tool's list is written when it is built, next to the tools (`<cache>/licences`), because the modules are
gone afterwards; a wheel's files are still there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path
from typing import Final

from stack.native.toolchain.cache import tool_dir
from stack.native.toolchain.kinds import GoTool, WheelTool
from stack.native.toolchain.recognise import is_licence, named, nearest, of_files

# One line per linked package: module, version, the module's folder and the package's.
PACKAGES: Final = (
    "-f={{if .Standard}}std\tstd\t{{.Root}}\t{{.Root}}{{else}}{{with .Module}}"
    "{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}\t{{.Dir}}{{end}}"
)
# Shared libraries inside wheels, which carry no licence file for them, by the beginning of their names.
_LIBRARIES: Final = {
    "libecpg": "PostgreSQL",
    "libpgtypes": "PostgreSQL",
    "libpq": "PostgreSQL",
    "libreadline": "GPL-3.0",
    "libtinfo": "MIT",
}
_OPERATORS: Final = {"AND", "OR", "WITH"}
_CLASSIFIER: Final = re.compile(r"License :: (?:OSI Approved :: )?(.+)")
UNKNOWN: Final = "unknown"
# Of each standard package without a file of its own, by the LICENSE of Go, which the wheel of Go leaves out.
_STANDARD: Final = "BSD-3-Clause"


@dataclass(frozen=True, order=True, slots=True)
class Part:
    """One module or wheel. ``owner`` is the tool that it is part of, ``licences`` are SPDX identifiers."""

    owner: str
    name: str
    version: str
    licences: tuple[str, ...]


def record_path(cache: Path, tool: GoTool) -> Path:
    """Returns where the list of this version of the tool is, whether it exists or not."""
    return cache / "licences" / f"{tool.name}-{tool.key}.json"


def write_record(path: Path, owner: str, printed: str) -> None:
    """Writes the list of a tool from the output of `go list -deps` with the format PACKAGES."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps([asdict(part) for part in of_packages(owner, printed)], indent=1))
    fresh.replace(path)


def of_packages(owner: str, printed: str) -> list[Part]:
    """Returns a part per module; its licences are those nearest to each of its linked packages.

    A module of this project has no version and is left out.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for line in filter(None, printed.splitlines()):
        module, version, root, folder = line.split("\t")
        if version:
            licences = nearest(Path(folder), Path(root)) or {_STANDARD if module == "std" else UNKNOWN}
            found.setdefault((module, version), set()).update(licences)
    return sorted(Part(owner, name, version, tuple(sorted(each))) for (name, version), each in found.items())


def of_go_tool(cache: Path, tool: GoTool) -> list[Part]:
    """Returns the recorded list of a tool."""
    recorded = json.loads(record_path(cache, tool).read_text(encoding="utf-8"))
    return [Part(**{**each, "licences": tuple(each["licences"])}) for each in recorded]


def of_wheel_tool(cache: Path, tool: WheelTool) -> list[Part]:
    """Returns a part per wheel of an installed tool, and one per shared library in a wheel."""
    folder = tool_dir(cache, tool)
    places = [folder, *folder.glob("lib/python*/site-packages")]
    return of_environment(tool.name, places)


def of_environment(owner: str, places: Sequence[Path]) -> list[Part]:
    """Returns a part per wheel that is installed in these folders, and one per shared library in a wheel."""
    found = distributions(path=[str(place) for place in places])
    wheels = [Part(owner, each.name, each.version, _licences(each)) for each in found]
    return sorted({*wheels, *(part for place in places for part in _libraries(owner, place))})


def _libraries(owner: str, place: Path) -> Iterator[Part]:
    for library in place.glob("*.libs/*.so*"):
        name = library.name.split(".")[0].split("-")[0]
        yield Part(owner, f"{library.parent.name}/{name}", "", (_LIBRARIES.get(name, UNKNOWN),))


def _licences(wheel: Distribution) -> tuple[str, ...]:
    """Returns what the wheel's SPDX expression says, else its licence files, else its metadata in words."""
    metadata = wheel.metadata
    (expression, *_) = metadata.get_all("License-Expression") or [""]
    if expression:
        return tuple(sorted(set(re.findall(r"[\w.+-]+", expression)) - _OPERATORS))
    texts = of_files(Path(str(path.locate())) for path in _licence_files(wheel))
    words = [*(metadata.get_all("License") or ()), *_classified(metadata.get_all("Classifier") or ())]
    return tuple(sorted(texts or frozenset[str]().union(*map(named, words)) or {UNKNOWN}))


def _licence_files(wheel: Distribution) -> list[PackagePath]:
    return [path for path in wheel.files or () if ".dist-info" in path.parts[0] and is_licence(Path(path))]


def _classified(classifiers: Iterable[str]) -> Iterator[str]:
    for each in classifiers:
        if match := _CLASSIFIER.fullmatch(each):
            yield match[1]
