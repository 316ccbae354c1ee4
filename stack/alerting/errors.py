"""The one error of everything that renders alerting's configuration."""

from __future__ import annotations


class AlertingError(Exception):
    """A source is wrong or asks for something that does not exist; the message names file, field and fix."""
