"""Turns foreign objects into text and plain values: bounded, whatever their own code does."""
