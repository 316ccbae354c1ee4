"""Metrics: declared instruments, their series, and the readers that collect them."""
