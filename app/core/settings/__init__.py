"""The platform's settings, in groups: one file each."""

from app.core.settings.kinds import PREFIX, SECRETS_DIR, Duration
from app.core.settings.platform import Settings, load_settings, variable

__all__ = ["PREFIX", "SECRETS_DIR", "Duration", "Settings", "load_settings", "variable"]
