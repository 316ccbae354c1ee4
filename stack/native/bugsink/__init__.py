"""What Bugsink gets from us: its settings and a script for its database; its own Python runs both."""
