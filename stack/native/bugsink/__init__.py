"""What Bugsink gets from us: its settings and the script that prepares its database. Its own Python runs both."""
