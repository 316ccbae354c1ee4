"""The code's size limits and conventions, as tests."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
FILE_LINES: Final = 300
FUNCTION_LINES: Final = 40
HANDLER_LINES: Final = 12
ROUTE_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "add_api_route"})
DOCUMENTED: Final = re.compile(r"^(otel/|app/.*(service|repository)\.py$)")

# Split in halves, so that this file does not match itself.
REGISTRIES: Final = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "proxy.golang" + ".org",
    "sum.golang" + ".org",
    "registry.npmjs" + ".org",
)
UNFINISHED: Final = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")

# A machine may have no hosts file, or one that puts IPv6 first: addresses are numbers.
BY_NAME: Final = re.compile(r"(//|@|\()['\"]?local" + r"host\b")
NAMED: Final = {
    *("otel/config/settings.py", "otel/config/otlp.py", "tests/otel/config/test_config.py"),  # OTLP's default
    *(".env.example", "docs/telemetry.md"),  # likewise, generated
    "tests/stack/demo/test_command_line.py",  # what a user may type
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(autouse=True, scope="module")
def _uncollected() -> Iterator[None]:
    """Searches no garbage: going through every file's tree again and again takes longer than the tests."""
    gc.disable()
    yield
    parsed.cache_clear()
    gc.enable()


@cache
def tracked() -> tuple[Path, ...]:
    """Returns every file that is part of the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in found if path.is_file())


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[Function]:
    yield from (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def length(function: Function) -> int:
    """Counts the lines of signature and body, without decorators and docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def test_python_files_are_short() -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {path: count for path, count in lines.items() if count > FILE_LINES} == {}


def test_functions_are_short() -> None:
    found = ((path, function) for path in python_files() for function in functions(path))
    long = {
        f"{name(path)}:{function.name}": length(function)
        for path, function in found
        if length(function) > FUNCTION_LINES
    }
    assert long == {}


def is_handler(function: Function) -> bool:
    """Returns whether a decorator such as ``@router.get(…)`` makes the function a handler."""
    calls = (decorator.func for decorator in function.decorator_list if isinstance(decorator, ast.Call))
    return any(isinstance(call, ast.Attribute) and call.attr in ROUTE_METHODS for call in calls)


def test_handlers_only_translate() -> None:
    handlers = [
        (path, function)
        for path in python_files()
        if name(path).startswith("app/")
        for function in functions(path)
        if is_handler(function)
    ]
    assert len(handlers) > 20
    long = {f"{name(path)}:{handler.name}" for path, handler in handlers if length(handler) > HANDLER_LINES}
    assert long == set()


def is_sleep(node: ast.AST) -> bool:
    """Returns whether a node sleeps; ``sleep(0)`` does not count, it only yields."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    yields = [argument.value for argument in node.args if isinstance(argument, ast.Constant)] == [0]
    return called == "sleep" and not yields


def test_tests_wait_for_conditions() -> None:
    """A sleep is allowed only in a loop that polls a condition."""
    hopeful = set()
    for path in python_files():
        if not name(path).startswith("tests/"):
            continue
        loops = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.While | ast.For)]
        polls = {id(node) for loop in loops for node in ast.walk(loop)}
        pauses = [node for node in ast.walk(parsed(path)) if is_sleep(node) and id(node) not in polls]
        hopeful |= {f"{name(path)}:{getattr(pause, 'lineno', 0)}" for pause in pauses}
    assert hopeful == set()


def public(node: ast.Module | ast.ClassDef) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    for child in node.body:
        if not isinstance(child, Function | ast.ClassDef) or child.name.startswith("_"):
            continue
        yield child.name, child
        if isinstance(child, ast.ClassDef):
            yield from ((f"{child.name}.{inner}", found) for inner, found in public(child))


def test_public_names_have_docstrings() -> None:
    bare = {
        f"{name(path)}:{public_name}"
        for path in python_files()
        if DOCUMENTED.match(name(path))
        for public_name, node in public(parsed(path))
        if ast.get_docstring(node) is None
    }
    assert bare == set()


def texts() -> Iterator[tuple[str, str]]:
    for path in tracked():
        try:
            yield name(path), path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a binary, or a file removed in the meantime


@pytest.mark.parametrize("registry", REGISTRIES)
def test_no_package_registry_is_named(registry: str) -> None:
    assert [path for path, text in texts() if registry in text] == []


def test_addresses_are_numbers() -> None:
    assert {path for path, text in texts() if BY_NAME.search(text)} - NAMED == set()


def test_nothing_is_left_unfinished() -> None:
    # Checksums may spell anything; other comments in these files are not ours.
    sums = re.compile(r"(\.lock|go\.sum|go\.mod|/distribution/.*)$")
    found = [path for path, text in texts() if not sums.search(path) and UNFINISHED.search(text)]
    assert found == []
