"""What can end a video, a watch or a live analysis, in words."""


class StreamError(Exception):
    """It cannot start or go on; the text says what happened, what was expected and what to do next."""
