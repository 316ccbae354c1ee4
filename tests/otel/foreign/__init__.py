"""What is not ours: hostile objects, exceptions and log arguments."""
