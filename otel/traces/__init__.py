"""Spans: created, sampled and queued."""
