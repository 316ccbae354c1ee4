"""Foreign objects: hostile values, exceptions and log arguments."""
