"""Recognises licences, as SPDX identifiers, by the sentences that only they contain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_FILE: Final = re.compile(r"(?i)(un)?licen[cs]e|copying|copyright")
# Whatever else a file's name may end with; code such as license.go is no licence.
_ENDINGS: Final = {"", ".txt", ".md", ".rst", ".mit", ".bsd", ".apache", ".apache2", ".libyaml"}
# Sentences in lower case; a single space stands for any mix of blanks, slashes and comment signs. The titles
# of the GNU licences carry their dates, because other licences mention these licences by name.
_SENTENCES: Final = {
    "Apache-2.0": (
        r"apache license,? version 2\.0, january 2004|licensed under the apache license, version 2\.0"
    ),
    "MIT": r"permission is hereby granted, free of charge, to any person obtaining a copy",
    "ISC": r"permission to use, copy, modify, and( or)? distribute this software for any purpose with",
    "MPL-2.0": r"mozilla public license,? (version|v\.) ?2\.0",
    "PostgreSQL": (
        r"permission to use, copy, modify, and distribute this software and its documentation for any "
        r"purpose, without fee, and without a written agreement"
    ),
    "PSF-2.0": r"python software foundation license version 2",
    "Unlicense": r"this is free and unencumbered software released into the public domain",
    "CC0-1.0": r"cc0 1\.0 universal",
    "Zlib": r"the origin of this software must not be misrepresented",
    "AGPL-3.0": r"gnu affero general public license version 3, 19 november 2007",
    "GPL-3.0": r"gnu general public license version 3, 29 june 2007",
    "GPL-2.0": r"gnu general public license version 2, june 1991",
    "LGPL-3.0": r"gnu lesser general public license version 3, 29 june 2007",
    "LGPL-2.1": r"gnu lesser general public license version 2\.1, february 1999",
    "BUSL-1.1": r"business source license 1\.1",
    "SSPL-1.0": r"server side public license version 1",
    "Elastic-2.0": r"elastic license 2\.0",
    "PolyForm-Shield-1.0.0": r"polyform shield license 1\.0\.0",
}
_BSD: Final = "redistribution and use in source and binary forms"
_ENDORSE: Final = re.compile(r"endorse or promote products derived")
_ADVERTISE: Final = re.compile(r"all advertising materials mentioning features")
# What metadata without a licence file says, in lower case.
_NAMES: Final = {
    "mit": "MIT",
    "mit license": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}


def recognise(text: str) -> frozenset[str]:
    """Returns the licences whose sentences the text contains, for example {"MIT", "Apache-2.0"}."""
    plain = re.sub(r"[\s*#>|/;=]+", " ", text.lower())
    found = {name for name, sentence in _SENTENCES.items() if re.search(sentence, plain)}
    if _BSD in plain:
        found.add(_bsd(plain))
    return frozenset(found)


def _bsd(plain: str) -> str:
    if _ADVERTISE.search(plain):
        return "BSD-4-Clause"
    return "BSD-3-Clause" if _ENDORSE.search(plain) else "BSD-2-Clause"


def named(name: str) -> frozenset[str]:
    """Returns the licences that metadata name in words, as in "MIT or Apache 2.0"; nothing if unknown."""
    known = [_NAMES.get(each.strip()) for each in name.lower().split(" or ")]
    return frozenset(each for each in known if each) if all(known) else frozenset()


def is_licence(path: Path) -> bool:
    """Returns whether a file is a licence by its name."""
    stem, ending = path.name, path.suffix.lower()
    return bool(_FILE.match(stem)) and (ending in _ENDINGS or "-" in path.stem)


def of_files(paths: Iterable[Path]) -> frozenset[str]:
    """Returns the licences of all these files together."""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
    return frozenset[str]().union(*map(recognise, texts))


def nearest(folder: Path, root: Path) -> frozenset[str]:
    """Returns the licences beside the files of a folder, else of the nearest parent up to the root.

    A file whose text is unknown, such as a list of copyrights, does not end the search.
    """
    for place in (folder, *folder.parents):
        if found := of_files(path for path in sorted(place.glob("*")) if path.is_file() and is_licence(path)):
            return found
        if place == root:
            break
    return frozenset()
