"""What is not ours, as text and plain values: bounded, and whatever its own code does."""
