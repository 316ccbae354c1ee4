"""Bugsink's settings and a script for its database; Bugsink's own Python runs both."""
