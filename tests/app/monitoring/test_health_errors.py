"""The type of a check's last error, whether its probe raised, measured something that fails, or was late."""

from __future__ import annotations

import asyncio

import pytest

from app.monitoring.health_check import Measurement, Status
from tests.app.monitoring.test_health_checks import FIRST, Dependency, checked, component, running, until


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ValueError("secret"), "ValueError"),
        (UnprintableError(), "UnprintableError"),
        (asyncio.CancelledError(), "CancelledError"),
        (TimeoutError(), "TimeoutError"),
        (caused(TimeoutError(), asyncio.CancelledError()), "TimeoutError"),
        (caused(ValueError(), ConnectionResetError()), "ConnectionResetError"),
        (ExceptionGroup("two", [ValueError(), KeyError()]), "ExceptionGroup"),
        (StopAsyncIteration(), "StopAsyncIteration"),
        (GeneratorExit(), "GeneratorExit"),
    ],
)
async def test_whatever_a_check_raises_is_its_result(raised: BaseException, kind: str) -> None:
    def behave() -> None:
        raise raised

    async with running(checked("odd", Dependency(behave))) as health:
        await until(lambda: health.report().status is Status.WARN)
        odd = component(health, "odd")
        assert odd.last_error is not None
        assert odd.last_error.type == kind
        assert "secret" not in health.report().model_dump_json()


@pytest.mark.parametrize(
    ("measured", "kind"),
    [
        (Measurement("responseTime", 1.0, "ms", Status.FAIL, "It answered 503.", "Mend it.", "503"), "503"),
        (Measurement("counters", 1.0, "ms", Status.FAIL, "They differ.", "Compare."), "counters"),
        (
            Measurement("write", "X", None, Status.WARN, "Refused.", "See why.", "OperationFailure"),
            "OperationFailure",
        ),
        (Measurement("memory", 1.0, "1", Status.WARN, "It is full.", "Empty it."), None),
    ],
)
async def test_what_fails_without_raising_has_a_type_too(measured: Measurement, kind: str | None) -> None:
    async with running(checked("idp", Dependency(lambda: [FIRST, measured]))) as health:
        await until(lambda: health.report().status is Status.WARN)
        last_error = component(health, "idp").last_error
        assert (last_error.type if last_error else None) == kind
