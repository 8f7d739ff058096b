"""What making a bundle may say no with."""


class BundleError(RuntimeError):
    """A bundle that cannot be made; the text says what is missing or went wrong, and what to do."""
