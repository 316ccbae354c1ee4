"""Plans what simulated learners will do, from a seed alone and before anything is sent."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from stack.demo.catalogue import Course, courses


class Action(StrEnum):
    """One request of a learner; the value is its name in the summary."""

    REGISTER = "register"
    LOGIN = "log in"
    BAD_LOGIN = "log in, wrong password"
    BROWSE = "browse the catalogue"
    MISSING = "open a course that is not there"
    VIEW = "open a course"
    ENROLL = "enrol"
    READ = "read a lesson"
    COMPLETE = "complete a lesson"
    QUIZ = "open a quiz"
    SUBMIT = "hand in a quiz"
    PROGRESS = "look at the progress"
    CERTIFICATE = "show the certificate"
    TRANSCRIPT = "ask for a transcript"
    WITHDRAW = "drop out"
    LOGOUT = "log out"


class Fate(StrEnum):
    """How a learner's course ends."""

    COMPLETE = "complete"
    LEAVE = "leave"  # withdraws
    VANISH = "vanish"  # stops without withdrawing
    FAIL = "fail"  # at the quiz, until no attempt is left


FATES: Final = {Fate.COMPLETE: 50, Fate.LEAVE: 15, Fate.VANISH: 20, Fate.FAIL: 15}
VISITOR: Final = 0.15  # looks around and never registers
FORGETFUL: Final = 0.15
LOST: Final = 0.15
SECOND_COURSE: Final = 0.2
RETRY: Final = 0.4  # fails a quiz once before passing it
TRANSCRIPT: Final = 0.3
ATTEMPTS: Final = 3  # allowed per quiz
PAUSE: Final = 0.4  # seconds on average between two requests of one learner


@dataclass(frozen=True, slots=True)
class Step:
    """One request, ``pause`` seconds after the previous one.

    ``course`` is a slug, ``number`` the index of a lesson or quiz in it, from 0, and ``right`` whether the
    answers are right.
    """

    action: Action
    course: str = ""
    number: int = 0
    right: bool = False
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Learner:
    """Someone who arrives ``arrives`` seconds after the start and does ``steps`` one after the other."""

    number: int
    arrives: float
    steps: tuple[Step, ...]


def plan(seed: int, seconds: float, rate: float) -> tuple[Learner, ...]:
    """Returns the learners of a run, by arrival: the same for the same arguments.

    Args:
        seed: determines every choice.
        seconds: length of the run; no learner arrives after it.
        rate: requests per second, on average.
    """
    chance = random.Random(seed)  # noqa: S311 - a repeatable simulation, nothing secret
    pause = min(PAUSE, seconds / 50)
    learners: list[Learner] = []
    arrives = 0.0
    while arrives < seconds:
        steps = tuple(replace(step, pause=chance.expovariate(1 / pause)) for step in _life(chance))
        learners.append(Learner(len(learners) + 1, arrives, steps))
        arrives += chance.expovariate(rate / len(steps))
    return tuple(learners)


def _life(chance: random.Random) -> Iterator[Step]:
    """Yields what one learner does, from first to last."""
    yield Step(Action.BROWSE)
    if chance.random() < LOST:
        yield Step(Action.MISSING, f"withdrawn-course-{chance.randrange(1000)}")
    if chance.random() < VISITOR:
        yield Step(Action.VIEW, chance.choice(courses()).slug)
        return
    yield Step(Action.REGISTER)
    if chance.random() < FORGETFUL:
        yield Step(Action.BAD_LOGIN)
    yield Step(Action.LOGIN)
    for course in chance.sample(courses(), 2 if chance.random() < SECOND_COURSE else 1):
        yield from _study(chance, course)
    if chance.random() < TRANSCRIPT:
        yield Step(Action.TRANSCRIPT)
    yield Step(Action.LOGOUT)


def _study(chance: random.Random, course: Course) -> Iterator[Step]:
    """Yields one course's steps, from opening it to the learner's fate."""
    fate = chance.choices(list(FATES), list(FATES.values()))[0]
    yield Step(Action.VIEW, course.slug)
    yield Step(Action.ENROLL, course.slug)
    gives_up = fate in {Fate.LEAVE, Fate.VANISH}
    for lesson in range(chance.randrange(len(course.lessons)) if gives_up else len(course.lessons)):
        yield Step(Action.READ, course.slug, lesson)
        yield Step(Action.COMPLETE, course.slug, lesson)
    yield Step(Action.PROGRESS, course.slug)
    if fate is Fate.LEAVE:
        yield Step(Action.WITHDRAW, course.slug)
    if fate is Fate.FAIL:
        yield from _quiz(course, 0, [False] * (ATTEMPTS + 1))
    if fate is Fate.COMPLETE:
        for number in range(len(course.quizzes)):
            yield from _quiz(course, number, [False, True] if chance.random() < RETRY else [True])
        yield Step(Action.PROGRESS, course.slug)
        yield Step(Action.CERTIFICATE, course.slug)


def _quiz(course: Course, number: int, attempts: Sequence[bool]) -> Iterator[Step]:
    yield Step(Action.QUIZ, course.slug, number)
    for right in attempts:
        yield Step(Action.SUBMIT, course.slug, number, right=right)
