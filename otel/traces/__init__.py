"""Spans: how they are made, sampled and queued."""
