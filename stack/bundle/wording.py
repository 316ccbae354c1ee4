"""What is called after the platform in our sources, called after another service."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

PLATFORM: Final = "lms"
PORTS: Final = {
    "collector": 8888,
    "prometheus": 9090,
    "alertmanager": 9093,
    "victorialogs": 9428,
    "loki": 3100,
    "jaeger": 14269,
    "tempo": 3200,
}
"""Jobs of Prometheus' configuration besides the service's own, and where their targets listen."""
_SERVICE: Final = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_ALERT: Final = re.compile(r"\bLms(?=[A-Z])")
_MATCHER: Final = re.compile(r'(\b(?:job|service_name)\s*(?:=~|!~|!=|=)\s*")([^"]*)(")')
_TEMPLATE: Final = re.compile(r"(?<![\w.])lms\.(?=[a-z])")
_UID: Final = re.compile(r"\blms-(?=[a-z])")
# In this order: the longer one first.
_PROSE: Final = (
    (re.compile(r", and are people learning\?"), "?"),
    (re.compile(r"\bLearning, and what\b"), "What"),
    # A team keeps its name, which is the label `owner`.
    (re.compile(r"\b[Tt]he (learning )?platform\b(?! team)"), None),
    (re.compile(r"(?<![\w.:/-])lms(?![\w:.-])|(?<=targets/)lms(?=\.json)"), None),
    (re.compile(r"\bLearners\b"), "Users"),
    (re.compile(r"\blearners\b"), "users"),
    (re.compile(r"\bLearner\b"), "User"),
    (re.compile(r"\blearner\b"), "user"),
)


class BundleError(Exception):
    """A bundle that cannot be written; the message is one sentence with the fix."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Changes names and texts of ours to those of a service.

    Raises:
        BundleError: the name is no service's.
    """

    service: str

    def __post_init__(self) -> None:
        if not _SERVICE.fullmatch(self.service):
            raise BundleError(
                f"SERVICE is {self.service!r}: give the service's `service.name`, of lower-case letters, "
                f"digits and hyphens, beginning with a letter, at most 30 characters, such as shop."
            )
        if self.service in PORTS:
            raise BundleError(
                f"SERVICE is {self.service!r}, which is a job of the bundle's own: give another name, "
                f"such as {self.service}-app."
            )

    @property
    def own(self) -> bool:
        """Whether the service is the platform itself, for which everything stays."""
        return self.service == PLATFORM

    def name(self, text: str) -> str:
        """Returns the text with the names of alerts: LmsDown is ServiceDown."""
        return text if self.own else _ALERT.sub("Service", text)

    def query(self, text: str) -> str:
        """Returns an expression, or matchers of Alertmanager, with the service in place of the platform."""
        return self.name(_MATCHER.sub(self._matched, text))

    def prose(self, text: str) -> str:
        """Returns a text for people: addresses of boards, what is called the platform, who uses it."""
        if self.own:
            return text
        for pattern, word in _PROSE:
            text = pattern.sub(self.service if word is None else word, text)
        return self.name(_UID.sub(f"{self.service}-", text))

    def template(self, text: str) -> str:
        """Returns Alertmanager's texts and templates, whose names begin with the platform's."""
        return text if self.own else _TEMPLATE.sub(f"{self.service}.", text)

    def everywhere(self, node: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON or YAML
        """Returns the tree with every text in it changed, names of fields excepted."""
        if isinstance(node, dict):
            return {key: self.everywhere(value, change) for key, value in node.items()}
        if isinstance(node, list):
            return [self.everywhere(each, change) for each in node]
        return change(node) if isinstance(node, str) else node

    def _matched(self, found: re.Match[str]) -> str:
        values = re.sub(rf"(?<![\w-]){PLATFORM}(?![\w-])", self.service, found[2])
        return f"{found[1]}{values}{found[3]}"
