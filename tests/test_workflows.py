"""What GitHub runs: make targets, from pinned actions, with no more rights than they need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.test_architecture import ROOT

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Beyond reading the code. The one job that publishes.
RIGHTS: Final = {"release.yml": {"image": {"packages", "id-token", "attestations"}}}


@pytest.fixture(name="workflow", params=[path.name for path in WORKFLOWS])
def _workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / request.param).read_text())
    return {"file": request.param, **read}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_continuous_integration_and_the_night_run_make_targets_only() -> None:
    ran = {
        path.name: [step["run"] for step in steps(yaml.safe_load(path.read_text())) if "run" in step]
        for path in WORKFLOWS
    }
    check, loki, tempo, test = ran["ci.yml"]
    assert (check, test, ran["nightly.yml"]) == ("make check", "make engine test", ["make test-long"])
    assert all(each.startswith("docker run ") for each in (loki, tempo))
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make engine test"
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"check", "engine", "test", "test-long"} <= set(targets)


def test_an_action_is_pinned_by_its_commit(workflow: dict[str, Any]) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in used)
    text = (ROOT / ".github" / "workflows" / workflow["file"]).read_text()
    assert len(re.findall(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE)) == len(used)


def test_a_job_has_the_rights_that_it_needs(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    given = {name: set(job.get("permissions", {})) - {"contents"} for name, job in workflow["jobs"].items()}
    assert {name: rights for name, rights in given.items() if rights} == RIGHTS.get(workflow["file"], {})
    fetched = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"] == {"persist-credentials": False} for step in fetched)
    assert all("timeout-minutes" in job for job in workflow["jobs"].values() if "steps" in job)


def test_a_release_publishes_every_image_that_is_built_here_for_both_platforms() -> None:
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    image = release["jobs"]["image"]
    named = {each["name"]: ROOT / each["context"] for each in image["strategy"]["matrix"]["include"]}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    assert set(named) == {each["image"].split(":")[0] for each in compose if "build" in each}
    assert all(Path(folder, "Dockerfile").is_file() for folder in named.values())
    (push,) = [step["with"] for step in image["steps"] if step.get("id") == "push"]
    assert push["platforms"] == "linux/amd64,linux/arm64"
    assert (push["provenance"], push["sbom"]) == ("mode=max", True)
    assert image["needs"] == "test"
