"""PromQL as the syntax tree that Prometheus itself makes of it, and back to text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from stack.native.tools import tool_path
from tests.programs import free_port, running

Node = dict[str, Any]
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
# Fields of features that Prometheus has behind flags: text of a tree with one of them would lack it.
_EXPERIMENTAL: Final = ("anchored", "smoothed", "offsetExpr", "rangeExpr", "stepExpr")


class NotPromqlError(Exception):
    """Prometheus does not accept an expression; the message is Prometheus' own."""


@contextmanager
def parser(folder: Path) -> Iterator[Callable[[str], Node]]:
    """Runs a Prometheus without data until the block ends; yields what parses an expression.

    The function raises `NotPromqlError` if the expression is none.
    """
    (folder / "prometheus.yml").write_text("global: {}")
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        str(tool_path("prometheus")),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with running(command, f"{url}/-/ready"), httpx.Client(base_url=url, timeout=30) as client:

        def parse(expression: str) -> Node:
            answer = client.post("/api/v1/parse_query", data={"query": expression}).json()
            if answer["status"] != "success":
                raise NotPromqlError(f"{answer['error']}: {expression}")
            tree: Node = answer["data"]
            return tree

        yield parse


def text(node: Node) -> str:
    """Returns the expression of a syntax tree.

    Raises:
        NotPromqlError: the tree has a feature that this does not write.
    """
    strange = [field for field in _EXPERIMENTAL if node.get(field)]
    if strange or node["type"] not in _WRITERS:
        raise NotPromqlError(f"cannot write {node['type']} with {strange or 'this type'}")
    return _WRITERS[node["type"]](node)


def _selector(node: Node) -> str:
    name = node["name"]
    matchers = [
        f"{each['name']}{each['type']}{json.dumps(each['value'], ensure_ascii=False)}"
        for each in node["matchers"]
        if not (name and each["name"] == "__name__")
    ]
    span = f"[{_duration(node['range'])}]" if node["type"] == "matrixSelector" else ""
    chosen = f"{{{', '.join(matchers)}}}" if matchers or not name else ""
    return f"{name}{chosen}{span}{_moment(node)}"


def _duration(milliseconds: int) -> str:
    """Returns a duration in its largest whole unit: ``90s``."""
    unit, size = next((unit, size) for unit, size in _UNITS if milliseconds % size == 0)
    return f"{milliseconds // size}{unit}"


def _moment(node: Node) -> str:
    """Returns the modifiers that say when: ``@`` and ``offset``."""
    at = f" @ {node['timestamp'] / 1000}" if node["timestamp"] is not None else ""
    at = f" @ {node['startOrEnd']}()" if node["startOrEnd"] else at
    return f"{at} offset {_duration(node['offset'])}" if node["offset"] else at


def _subquery(node: Node) -> str:
    step = _duration(node["step"]) if node["step"] else ""
    return f"{text(node['expr'])}[{_duration(node['range'])}:{step}]{_moment(node)}"


def _aggregation(node: Node) -> str:
    keyword = "without" if node["without"] else "by"
    clause = f" {keyword} ({', '.join(node['grouping'])})" if node["grouping"] or node["without"] else ""
    arguments = [text(each) for each in (node["param"], node["expr"]) if each]
    return f"{node['op']}{clause} ({', '.join(arguments)})"


def _binary(node: Node) -> str:
    words = [node["op"], *(["bool"] if node["bool"] else []), *_matching(node["matching"] or {})]
    return f"{text(node['lhs'])} {' '.join(words)} {text(node['rhs'])}"


def _matching(matching: Mapping[str, Any]) -> Iterator[str]:
    if any((matching.get("fillValues") or {}).values()):
        raise NotPromqlError("cannot write fill modifiers")
    if matching.get("on") or matching.get("labels"):
        yield f"{'on' if matching['on'] else 'ignoring'} ({', '.join(matching['labels'])})"
    side = {"many-to-one": "group_left", "one-to-many": "group_right"}.get(matching.get("card", ""))
    if side:
        yield f"{side} ({', '.join(matching['include'])})"


_WRITERS: Final[dict[str, Callable[[Node], str]]] = {
    "aggregation": _aggregation,
    "binaryExpr": _binary,
    "call": lambda node: f"{node['func']['name']}({', '.join(map(text, node['args']))})",
    "matrixSelector": _selector,
    "numberLiteral": lambda node: str(node["val"]),
    "parenExpr": lambda node: f"({text(node['expr'])})",
    "stringLiteral": lambda node: json.dumps(node["val"], ensure_ascii=False),
    "subquery": _subquery,
    "unaryExpr": lambda node: f"{node['op']}{text(node['expr'])}",
    "vectorSelector": _selector,
}
