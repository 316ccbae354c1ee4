"""Lets an admin change log levels temporarily at runtime; each change is in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Self

from fastapi import APIRouter, Depends, Path, Request, status
from pydantic import BaseModel, Field

from app.core.errors import Conflict, NotFound
from app.infra.log_levels import LogLevels
from app.monitoring.audit import Audit
from app.monitoring.operators import admins_or
from otel import LevelOverride, level_overrides

ROOT: Final = "root"


class Level(StrEnum):
    """A logger's level."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class LevelNotChanged(NotFound):
    """This logger's level was not changed, or the change has expired."""

    code = "level_not_changed"
    title = "Level not changed"
    sentence = "The level of logger {logger} is not changed."
    example: ClassVar[Mapping[str, Any]] = {"logger": "enrollments"}


class TooManyLevels(Conflict):
    """A hundred levels are already overridden."""

    code = "too_many_levels"
    title = "Too many changed levels"
    sentence = "Too many log levels are already overridden; reset one first."


class LevelChange(BaseModel):
    """Changes a level temporarily."""

    level: Level = Field(examples=["debug"])
    seconds: int = Field(default=900, ge=1, le=86_400, description="When the change expires.", examples=[900])


class LevelOut(BaseModel):
    """A changed level; it also applies to child loggers."""

    logger: str = Field(description="The logger's name; root means all loggers.", examples=["enrollments"])
    level: Level
    seconds_left: float = Field(description="Seconds until it expires.", examples=[899.5])

    @classmethod
    def of(cls, override: LevelOverride) -> Self:
        """Returns ``override`` as it is shown."""
        level = Level(override.level)
        return cls(logger=override.logger or ROOT, level=level, seconds_left=override.seconds_left)


class LevelSet(BaseModel):
    """What was changed, and where."""

    changed: LevelOut
    everywhere: bool = Field(
        description="Whether every process follows within seconds; false if the session store is down."
    )


LoggerName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.\-]+$", max_length=100, examples=["enrollments"])]


def log_levels_of(request: Request) -> LogLevels:
    """Returns the application's changed log levels."""
    found: LogLevels = request.app.state.log_levels
    return found


def _named(logger: LoggerName) -> str:
    return "" if logger == ROOT else logger


Levels = Annotated[LogLevels, Depends(log_levels_of)]
Logger = Annotated[str, Depends(_named)]

router = APIRouter(prefix="/log-levels")


@router.get("", **admins_or())
async def changed() -> list[LevelOut]:
    """Lists the changed levels of the process that answers."""
    return [LevelOut.of(override) for override in level_overrides()]


@router.put("/{logger}", **admins_or(TooManyLevels))
async def change(logger: Logger, wanted: LevelChange, levels: Levels, audit: Audit) -> LevelSet:
    """Changes the level of a logger and its children until the change expires."""
    try:
        everywhere = await levels.set(logger, wanted.level, wanted.seconds)
    except ValueError:
        raise TooManyLevels from None
    facts = {"level": wanted.level, "seconds": str(wanted.seconds), "everywhere": str(everywhere).lower()}
    await audit.record("log_level_changed", logger or ROOT, **facts)
    override = LevelOverride(logger, wanted.level, wanted.seconds)
    return LevelSet(changed=LevelOut.of(override), everywhere=everywhere)


@router.delete("/{logger}", status_code=status.HTTP_204_NO_CONTENT, **admins_or(LevelNotChanged))
async def reset(logger: Logger, levels: Levels, audit: Audit) -> None:
    """Reverts a change."""
    if not await levels.reset(logger):
        raise LevelNotChanged(logger=logger or ROOT)
    await audit.record("log_level_reset", logger or ROOT)
