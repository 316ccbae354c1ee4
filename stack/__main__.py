# ruff: noqa: E402 - an interrupt while the rest is imported ends the program without a traceback
"""Runs the stack's commands: ``python -m stack --help``."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys

from stack.commands import main

sys.exit(main())
