"""mask.yaml follows base.yaml; the generator fails on a rule that the processor does not implement."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from collector_kit import masking
from collector_kit.fragments import FRAGMENTS, CollectorError
from stack import generated

BASE = (FRAGMENTS / "base.yaml").read_text()


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(masking, "FRAGMENTS", tmp_path)
    return tmp_path


def _change(folder: Path, old: str, new: str) -> None:
    assert old in BASE
    (folder / "base.yaml").write_text(BASE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("limit(span.attributes, 128, [])", 'limit(span.attributes, 99, ["a"])'),
        ("truncate_all(datapoint.attributes, 1024)", "truncate_all(datapoint.attributes, 99)"),
        (r"^url\.query$", r"^url\.ninety-nine$"),
        (r"'tel:[\d", r"'tel:[99\d"),
        (r"|^(user|enduser|", r"|^(user|ninety-nine|"),
    ],
)
def test_a_pattern_and_a_bound_come_from_the_base(folder: Path, old: str, new: str) -> None:
    _change(folder, old, new)
    text = masking.render()
    assert text != (FRAGMENTS / "mask.yaml").read_text()
    assert "99" in text or "ninety-nine" in text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("limit(resource.attributes, 64, ", "limit(resource.attributes, 65, ", "in two ways"),
        (
            'delete_matching_keys(scope.attributes, "[^',
            'delete_matching_keys(scope.attributes, "[^ ',
            "the same keys",
        ),
        ("redact_all_types: true", "redact_all_types: false", "in Go"),
        ("    summary: silent\n", "    summary: silent\n    blocked_keys: [a]\n", "in Go"),
        ("Len(span.name) > 256", "Len(span.name) > 255", "in Go"),
        ("          - truncate_all(spanevent.attributes, 16384)\n", "", "in Go"),
        ("filter/links, transform/bound, redaction", "filter/links, redaction, transform/bound", "end with"),
    ],
)
def test_the_generator_fails_on_a_rule_that_the_processor_does_not_implement(
    folder: Path, old: str, new: str, says: str
) -> None:
    if says in ("in two ways", "the same keys"):
        (folder / "base.yaml").write_text(BASE.replace(old, new, 1))
    else:
        _change(folder, old, new)
    with pytest.raises(CollectorError, match=says):
        masking.render()


def test_the_command_reports_why_it_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _change(folder, "redact_all_types: true", "redact_all_types: false")
    assert generated.main(["check"]) == 2
    assert "set _KNOWN in masking.py" in capsys.readouterr().err


def test_the_chains_are_those_of_the_base_with_mask_at_the_end() -> None:
    base, mask = (yaml.safe_load((FRAGMENTS / name).read_text()) for name in ("base.yaml", "mask.yaml"))
    for name, pipeline in mask["service"]["pipelines"].items():
        stock = base["service"]["pipelines"][name]["processors"]
        assert pipeline["processors"] == [*stock[:-3], "mask"]
    assert len(mask["service"]["pipelines"]) == 3
