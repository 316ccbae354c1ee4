"""The two images that are built here: what they are made from, and that what is in them is enough."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app import VERSION
from stack.native.toolchain.catalogue import GO
from stack.settings import REPOSITORY


def test_our_images_have_the_version_of_the_project() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    ours = {each["image"] for each in compose.values() if each["image"].startswith("stegmaier-lms")}
    assert ours == {f"stegmaier-lms:{VERSION}", f"stegmaier-lms-collector:{VERSION}"}
    example = REPOSITORY / "collector-config" / "kubernetes" / "example" / "kustomization.yaml"
    assert yaml.safe_load(example.read_text())["images"][0]["newTag"] == VERSION


def test_the_collectors_image_is_built_with_the_compiler_of_the_native_stack() -> None:
    text = (REPOSITORY / "collector-config" / "distribution" / "Dockerfile").read_text()
    assert f"golang:{GO.release}-" in text


@pytest.mark.parametrize("file", ["Dockerfile", "collector-config/distribution/Dockerfile"])
def test_an_image_of_ours_is_built_from_pinned_ones_and_runs_as_the_same_user(file: str) -> None:
    text = (REPOSITORY / file).read_text()
    bases = set(re.findall(r"^FROM (?:--\S+ )?(\S+)", text, re.MULTILINE)) - {"scratch"}
    assert len(bases) == 1
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-slim)?-bookworm", base) for base in bases)
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]


def test_the_platforms_image_contains_every_module_that_its_programs_import(tmp_path: Path) -> None:
    copies = re.findall(r"^COPY (?!--)(\S+) (\S+)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for source, _ in copies}
    allowed = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert {f"!{source}" for source in sources} == {line for line in allowed if line.startswith("!")}
    for source, target in copies:
        place = tmp_path / target / (Path(source).name if target.endswith(("/", ".")) else "")
        if (REPOSITORY / source).is_dir():
            shutil.copytree(REPOSITORY / source, place)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / source, place)
    # -P and no installed project: only what was copied, and the packages of the lock.
    imports = "import app.main, stack.canary.__main__ as canary; print(canary.__file__)"
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {imports}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
