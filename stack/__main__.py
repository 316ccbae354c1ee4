# ruff: noqa: E402 - an interrupt during the imports below exits without a traceback
"""Runs the stack's commands: ``python -m stack --help``."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys

from stack.commands import main

sys.exit(main())
