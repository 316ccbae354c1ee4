from __future__ import annotations

from collections import Counter

import app.lms.refusals  # noqa: F401 - refusals count once they are defined
from app.core.errors import LmsError


def every_kind(kind: type[LmsError] = LmsError) -> list[type[LmsError]]:
    """Returns every class of refusal."""
    return [kind, *(below for child in kind.__subclasses__() for below in every_kind(child))]


def test_a_code_means_one_thing() -> None:
    twice = [code for code, times in Counter(kind.code for kind in every_kind()).items() if times > 1]
    assert twice == []


def test_every_sentence_fits_its_facts() -> None:
    for kind in every_kind():
        assert "{" not in kind.sample().detail, kind


def test_every_refusal_has_its_own_status_title_and_docstring() -> None:
    for kind in every_kind():
        assert 400 <= kind.status < 600
        assert kind.title
        assert kind.__doc__
