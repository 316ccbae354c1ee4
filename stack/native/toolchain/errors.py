class ToolError(Exception):
    """A tool is missing or cannot be built; the text is one sentence for the user, with the remedy."""
