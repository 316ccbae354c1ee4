"""Alerting's configuration: the sources in alertmanager/, filled in for this environment and this machine."""

from __future__ import annotations

from stack.alerting.channels import Channels, Platform, write
from stack.alerting.errors import AlertingError
from stack.alerting.links import Links
from stack.alerting.rules import write_rules

__all__ = ["AlertingError", "Channels", "Links", "Platform", "write", "write_rules"]
