"""What a query in PromQL asks for that no series ever has: it is no error there, and finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from stack.alerting.declared import family, labels, mistakes
from tests.alertmanager.rendered import every_rule
from tests.collector_config.stores import selectors
from tests.stack.running.stores import Stores

_WORD: Final = re.compile(r"[a-zA-Z_:][\w:]*")
_BY: Final = re.compile(r"query=([^']+)'")
# Placeholders of the runbooks, with what somebody puts there.
FILLED: Final = {
    "NAME": "lms",
    "METRIC": "http_server_request_duration_seconds_count",
    "LABEL": "http_route",
}


class Series:
    """The series that the running Prometheus has, the platform declares, or a rule asks for.

    What a rule asks for exists, too: tests/alertmanager/test_metric_names.py provokes it.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def faults(self, query: str) -> list[str]:
        """Runs a query and returns each name, label and value in it that selects nothing, ever.

        Raises:
            httpx.HTTPStatusError: Prometheus refuses it.
        """
        for placeholder, value in FILLED.items():
            query = re.sub(rf"\b{placeholder}\b", value, query)
        self._stores.totals(query)
        tree = self._stores.parsed(query)
        return [fault for each in selectors(tree) for fault in self._selected(each)] + list(
            self._grouped(tree)
        )

    def values(self, text: str) -> set[str]:
        """Returns the values that labels of a pasted query's series may have."""
        trees = [self._stores.parsed(query) for query in _BY.findall(text) if "/api/v1/query" in text]
        found = (family(each["name"]) for tree in trees for each in selectors(tree))
        return {value for one in found if one for allowed in one.labels.values() for value in allowed}

    @cached_property
    def _names(self) -> set[str]:
        ruled = {
            word for rule in every_rule() for word in _WORD.findall(f"{rule.get('record')} {rule['expr']}")
        }
        return self._stores.names("__name__") | ruled | {"ALERTS"}

    @cached_property
    def _labels(self) -> set[str]:
        ruled = {word for rule in every_rule() for word in _WORD.findall(rule["expr"])}
        promised = {name for rule in every_rule() for name in rule.get("labels") or {}}
        return self._stores.labels() | ruled | promised

    def _selected(self, selector: Mapping[str, Any]) -> Iterator[str]:
        matchers = [each for each in selector["matchers"] if each["name"] != "__name__"]
        name = selector["name"]
        if not name:
            patterns = [each["value"] for each in selector["matchers"] if each["name"] == "__name__"]
            if not all(any(re.fullmatch(each, known) for known in self._names) for each in patterns):
                yield f"no series is called {patterns}"
        elif declared := family(name):
            yield from (f"{name}: {each}" for each in mistakes(declared, matchers))
            return
        elif name not in self._names:
            yield f"no series is called {name}"
        unknown = [each["name"] for each in matchers if each["name"] not in self._labels]
        yield from (f"nothing has a label {each}" for each in unknown)

    def _grouped(self, node: Any) -> Iterator[str]:  # noqa: ANN401 - Prometheus' syntax tree
        """Yields each label by which series are grouped that none of them has."""
        if isinstance(node, list):
            for child in node:
                yield from self._grouped(child)
        if not isinstance(node, dict):
            return
        if node.get("type") == "aggregation":
            known = self._below(node["expr"])
            yield from (f"nothing has a label {each}" for each in node["grouping"] if each not in known)
        yield from self._grouped(list(node.values()))

    def _below(self, tree: Any) -> set[str]:  # noqa: ANN401 - Prometheus' syntax tree
        found = set(_texts(tree))  # label_replace makes labels
        for selector in selectors(tree):
            declared = family(selector["name"])
            found |= labels(declared) if declared else self._labels
        return found


def _texts(tree: Any) -> Iterator[str]:  # noqa: ANN401 - Prometheus' syntax tree
    if isinstance(tree, dict) and tree.get("type") == "stringLiteral":
        yield tree["val"]
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _texts(child)
