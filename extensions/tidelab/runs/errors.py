"""What can end a whole run, each with the sentence that a person reads."""


class RunError(Exception):
    """A run cannot start or go on; the text says what happened, what was expected and what to do next."""


class RunCancelled(Exception):
    """The person asked the run to stop."""
