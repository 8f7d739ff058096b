"""The word of a session that does not do what a page asks for."""


class Refused(Exception):
    """A wish that is not granted; the text is for the person."""
