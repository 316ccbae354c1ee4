"""base.yaml gets its rules from otel/redaction/; the generator fails if a place for them is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from collector_kit import masking
from collector_kit.fragments import FRAGMENTS, CollectorError
from stack import generated, redaction_rules

BASE = (FRAGMENTS / "base.yaml").read_text()


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(redaction_rules, "FRAGMENTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tel:[", "tal:["),
        (r"|^(user|enduser|session|client)\\.|", r"|^(user|enduser|session|client)\\.|changed|"),
        (r"    # mail address", r"    # another name"),
    ],
)
def test_a_rule_that_was_changed_by_hand_is_written_again(folder: Path, old: str, new: str) -> None:
    assert old in BASE
    (folder / "base.yaml").write_text(BASE.replace(old, new))
    assert redaction_rules.render() == BASE


def test_text_outside_the_rules_is_kept(folder: Path) -> None:
    changed = BASE.replace("limit_mib: $", "limit_mib:  $").replace(
        "check_interval: 1s", "check_interval: 2s"
    )
    (folder / "base.yaml").write_text(changed)
    assert redaction_rules.render() == changed != BASE


@pytest.mark.parametrize(
    "line", ["for redaction", "for descriptions", "for bodies", "delete_matching_keys", "not IsMatch(metric."]
)
def test_a_place_that_is_missing_stops_the_generator(
    folder: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "base.yaml").write_text(BASE.replace(line, "gone"))
    with pytest.raises(CollectorError, match=r"base\.yaml has no"):
        redaction_rules.render()
    assert generated.main(["check"]) == 2
    assert "base.yaml has no" in capsys.readouterr().err


def test_every_rule_is_a_pattern_of_the_processor() -> None:
    redaction = yaml.safe_load(BASE)["processors"]["redaction"]
    assert redaction["blocked_values"] == list(redaction_rules.VALUES.values())
    assert redaction["blocked_key_patterns"] == list(redaction_rules.KEYS)
    mask = yaml.safe_load(masking.render())["processors"]["mask"]
    left = [redaction["blocked_values"][number] for number in mask["left_in_bodies"]]
    assert "|".join(left) == redaction_rules.LEFT
