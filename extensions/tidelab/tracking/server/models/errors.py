"""Why the model service says no, in words for the person who asked."""


class RefusedError(Exception):
    """A request that cannot be granted; ``status`` is the HTTP status that says so."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status
