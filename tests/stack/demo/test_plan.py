"""The plan of a run: deterministic, and with lifelike learners."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.demo.catalogue import courses
from stack.demo.plan import ATTEMPTS, Action, Learner, plan

LONG = plan(seed=1, seconds=600, rate=5)
IN_A_COURSE = {Action.READ, Action.COMPLETE, Action.QUIZ, Action.SUBMIT, Action.PROGRESS, Action.WITHDRAW}


def test_a_seed_plans_the_same_run_every_time() -> None:
    assert plan(42, 60, 5) == plan(42, 60, 5)
    assert plan(42, 60, 5) != plan(43, 60, 5)


def test_a_seed_plans_the_same_run_in_every_version() -> None:
    # A fixed value: a change of the code that shifts every choice must fail here.
    third = plan(42, 60, 5)[2]
    assert [step.action.name for step in third.steps] == [
        "BROWSE", "REGISTER", "LOGIN", "VIEW", "ENROLL", "READ", "COMPLETE", "PROGRESS", "LOGOUT",
    ]  # fmt: skip
    assert third.arrives == pytest.approx(1.7049, abs=1e-4)


@pytest.mark.parametrize("rate", [2.0, 5.0, 20.0])
def test_arrivals_add_up_to_the_rate(rate: float) -> None:
    learners = plan(seed=3, seconds=600, rate=rate)
    assert sum(len(learner.steps) for learner in learners) / 600 == pytest.approx(rate, rel=0.2)


def test_every_action_is_planned() -> None:
    done = {step.action for learner in LONG for step in learner.steps}
    assert done == set(Action)


@pytest.mark.parametrize("learner", LONG[:50], ids=lambda learner: str(learner.number))
def test_a_learners_actions_are_in_order(learner: Learner) -> None:
    seen: set[tuple[Action, str]] = set()
    for step in learner.steps:
        if step.action in IN_A_COURSE:
            assert (Action.LOGIN, "") in seen
            assert (Action.ENROLL, step.course) in seen
        if step.action is Action.ENROLL:
            assert (Action.VIEW, step.course) in seen
        seen.add((step.action, step.course))


def test_some_pass_at_once_some_retry_and_some_use_up_their_attempts() -> None:
    tries = [
        [step.right for step in group]
        for learner in LONG
        for action, group in itertools.groupby(learner.steps, key=lambda step: step.action)
        if action is Action.SUBMIT
    ]
    assert {tuple(rights) for rights in tries} == {(True,), (False, True), (False,) * (ATTEMPTS + 1)}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(), seconds=st.floats(0.1, 120), rate=st.floats(0.1, 50))
def test_all_arrivals_are_within_the_run(seed: int, seconds: float, rate: float) -> None:
    learners = plan(seed, seconds, rate)
    arrivals = [learner.arrives for learner in learners]
    assert arrivals == sorted(arrivals)
    assert arrivals[0] == 0
    assert arrivals[-1] < seconds
    assert all(step.pause >= 0 for learner in learners for step in learner.steps)


def test_steps_refer_to_existing_lessons_and_quizzes() -> None:
    known = {course.slug: course for course in courses()}
    for step in (step for learner in LONG for step in learner.steps if step.action in IN_A_COURSE):
        things = known[step.course].lessons if step.action in {Action.READ, Action.COMPLETE} else ()
        quizzes = known[step.course].quizzes if step.action in {Action.QUIZ, Action.SUBMIT} else ()
        assert step.number < max(len(things), len(quizzes), 1)


def test_the_catalogue_has_about_eight_courses_and_some_are_small() -> None:
    assert len(courses()) == 8
    assert len([course for course in courses() if course.capacity <= 12]) == 2
    assert all(course.lessons and course.quizzes for course in courses())
    questions = [each for course in courses() for quiz in course.quizzes for each in quiz.questions]
    assert all(0 <= question.right < len(question.choices) for question in questions)
