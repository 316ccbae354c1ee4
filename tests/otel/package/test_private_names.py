"""A release of the SDK that drops a private name fails here, by name, before it fails in a service."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

import pytest

from tests.otel.package.installed import ROOT
from tests.otel.package.private_names import PRIVATE_NAMES, used_in

_PACKAGES = {"sentry_sdk": "sentry-sdk", "structlog": "structlog"}
NAMES = [(module, name) for module, names in PRIVATE_NAMES.items() for name in names]


def test_every_foreign_private_name_is_listed() -> None:
    assert used_in(ROOT / "otel") == {name for _, name in NAMES}


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_the_installed_release_has_the_name(module: str, name: str) -> None:
    package = _PACKAGES.get(module.partition(".")[0], "opentelemetry-sdk")
    assert _has(module, name), f"{package} {version(package)}: {module} has no {name}"


def _has(module: str, name: str) -> bool:
    found = import_module(module)
    if hasattr(found, "__path__") and find_spec(f"{module}.{name}"):
        return True
    sources = {inspect.getmodule(each) or found for each in (found, *vars(found).values())}
    return any(name in inspect.getsource(each) for each in sources if getattr(each, "__file__", None))
