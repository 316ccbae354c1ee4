"""Kinds of command-line arguments."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Returns ``text`` as a whole number above 0; argparse reports any other."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
