"""What keeps a bundle from being read at all."""


class EcotaxaError(Exception):
    """A bundle or one of its tables cannot be read; the text says what happened, what was expected and what to do.

    Parameters
    ----------
    message
        The sentences.
    file
        The table concerned, relative to the bundle; empty for the bundle itself.
    line
        Line of the table, 1 is the header; 0 where none is meant.
    empty
        Whether there is nothing in the table: EcoTaxa passes over it when there are others.
    """

    def __init__(self, message: str, file: str = "", line: int = 0, *, empty: bool = False) -> None:
        super().__init__(message)
        self.file, self.line, self.empty = file, line, empty

    @property
    def words(self) -> str:
        """The text without the name of the file, for a list that names it already."""
        return str(self).removeprefix(f"{self.file}, line {self.line}: ").removeprefix(f"{self.file} ")
