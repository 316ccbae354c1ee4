"""Redaction of secrets and personal data."""
