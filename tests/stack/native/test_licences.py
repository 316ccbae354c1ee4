"""The list of licences: what recognises them, what lists the parts, and what the real list says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stack import licences
from stack.native.toolchain.catalogue import TOOLS
from stack.native.toolchain.kinds import GoTool
from stack.native.toolchain.licences import Part, of_environment, of_packages
from stack.native.toolchain.recognise import named, nearest, recognise
from stack.settings import REPOSITORY

MIT = "Permission is hereby granted, free of charge, to any person\n obtaining a copy of this software"
BSD = "Redistribution and use in source and binary forms, with or without modification, are permitted"
APACHE = "                    Apache License\n                 Version 2.0, January 2004"
AGPL = "GNU AFFERO GENERAL PUBLIC LICENSE\n   Version 3, 19 November 2007\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MIT, {"MIT"}),
        (f"// {MIT}".replace("\n", "\n// "), {"MIT"}),
        (APACHE, {"Apache-2.0"}),
        (BSD, {"BSD-2-Clause"}),
        (f"{BSD}\nused to endorse or promote products derived from this software", {"BSD-3-Clause"}),
        (f"{BSD}\nAll advertising materials mentioning features or use", {"BSD-4-Clause"}),
        (f"{APACHE}\n---\n{MIT}", {"Apache-2.0", "MIT"}),
        ("Permission to use, copy, modify, and/or distribute this software for any purpose with", {"ISC"}),
        ("Permission to use, copy, modify, and distribute this software for any purpose with", {"ISC"}),
        (AGPL, {"AGPL-3.0"}),
        ("or under the GNU Affero General Public License, as you like", set()),
        ("Mozilla Public License Version 2.0 ... the GNU General Public License, Version 2.0", {"MPL-2.0"}),
        ("# PolyForm Shield License 1.0.0", {"PolyForm-Shield-1.0.0"}),
        ("Copyright (c) somebody. All rights reserved.", set()),
    ],
)
def test_a_licence_is_recognised_by_its_sentences(text: str, found: set[str]) -> None:
    assert recognise(text) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("MIT", {"MIT"}),
        ("BSD 3-Clause OR Apache-2.0", {"BSD-3-Clause", "Apache-2.0"}),
        ("MIT or x", set()),
    ],
)
def test_words_of_metadata_are_understood_whole_or_not_at_all(words: str, found: set[str]) -> None:
    assert named(words) == found


@pytest.fixture(name="module")
def _module(tmp_path: Path) -> Path:
    (tmp_path / "inner" / "vendored").mkdir(parents=True)
    (tmp_path / "LICENSE").write_text(APACHE)
    (tmp_path / "inner" / "license.go").write_text(f"package inner // {AGPL}")
    (tmp_path / "inner" / "COPYRIGHT").write_text("Copyright (c) somebody")
    (tmp_path / "inner" / "vendored" / "LICENSE.txt").write_text(MIT)
    return tmp_path


def test_the_nearest_licence_counts_and_code_is_none(module: Path) -> None:
    assert nearest(module / "inner", module) == {"Apache-2.0"}
    assert nearest(module / "inner" / "vendored", module) == {"MIT"}


def test_a_module_has_the_licences_of_all_its_linked_packages(module: Path, tmp_path: Path) -> None:
    bare = tmp_path / "inner" / "bare"
    bare.mkdir()
    printed = "\n".join(
        [
            f"one.example/m\tv1.2.0\t{module}\t{module / 'inner'}",
            f"one.example/m\tv1.2.0\t{module}\t{module / 'inner' / 'vendored'}",
            f"two.example/m\tv0.1.0\t{bare}\t{bare}",
            f"ours.example/m\t\t{bare}\t{bare}",
        ]
    )
    assert of_packages("tool", printed) == [
        Part("tool", "one.example/m", "v1.2.0", ("Apache-2.0", "MIT")),
        Part("tool", "two.example/m", "v0.1.0", ("unknown",)),
    ]


def _wheel(folder: Path, name: str, metadata: str, **files: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{metadata}")
    for file, text in files.items():
        (info / file).write_text(text)
    (info / "RECORD").write_text("".join(f"{info.name}/{file},,\n" for file in ["METADATA", *files]))


def test_a_wheels_expression_counts_then_its_files_then_its_words(tmp_path: Path) -> None:
    _wheel(tmp_path, "expressed", "License-Expression: MPL-2.0 AND (Apache-2.0 OR MIT)\n", LICENSE=AGPL)
    _wheel(tmp_path, "filed", "License: MIT\n", LICENSE=AGPL)
    _wheel(tmp_path, "worded", "Classifier: License :: OSI Approved :: MIT License\n")
    _wheel(tmp_path, "silent", "")
    (tmp_path / "filed.libs").mkdir()
    for library in ("libpq-1a9b8ca9.so.5.16", "libnew-00.so.1"):
        (tmp_path / "filed.libs" / library).touch()
    assert {part.name: part.licences for part in of_environment("tool", [tmp_path])} == {
        "expressed": ("Apache-2.0", "MIT", "MPL-2.0"),
        "filed": ("AGPL-3.0",),
        "worded": ("MIT",),
        "silent": ("unknown",),
        "filed.libs/libpq": ("PostgreSQL",),
        "filed.libs/libnew": ("unknown",),
    }
    assert {part.name for part in licences.refused(of_environment("tool", [tmp_path]))} == {
        "filed",
        "silent",
        "filed.libs/libnew",
    }


def test_the_standard_library_has_the_licence_of_go(tmp_path: Path) -> None:
    """Go's wheel has no file of it."""
    (tmp_path / "src" / "crypto").mkdir(parents=True)
    printed = f"std\tstd\t{tmp_path}\t{tmp_path / 'src' / 'crypto'}\n"
    assert of_packages("tool", printed) == [Part("tool", "std", "std", ("BSD-3-Clause",))]


@pytest.fixture(name="parts", scope="module")
def _parts() -> list[Part]:
    return licences.everything()


def test_every_part_has_an_allowed_licence(parts: list[Part]) -> None:
    assert licences.refused(parts) == []
    assert {part.name for part in parts} >= licences.EXCEPTIONS.keys()


def test_nothing_that_is_built_is_under_the_agpl(parts: list[Part]) -> None:
    built = {tool.name: tool.module for tool in TOOLS if isinstance(tool, GoTool)}
    listed = [part for part in parts if part.owner in built]
    assert {part.owner for part in listed if part.name == built[part.owner]} == built.keys()
    assert {"std", "github.com/prometheus/prometheus"} <= {part.name for part in listed}
    assert [part for part in listed if not licences.ALLOWED.issuperset(part.licences)] == []


def test_the_readme_names_what_the_list_says(parts: list[Part]) -> None:
    text = (REPOSITORY / "README.md").read_text()
    section = text.partition("## Licences")[2].partition("\n## ")[0]
    said = set(re.findall(r"`([A-Za-z0-9.-]+)`", section.partition("Three exceptions")[0])) - {"make"}
    excepted = [part for part in parts if part.name in licences.EXCEPTIONS]
    assert said == {name for part in parts if part not in excepted for name in part.licences}
    for part in excepted:
        assert part.name.rpartition("/")[2].lower() in section.lower()
        assert all(name in section for name in part.licences)
