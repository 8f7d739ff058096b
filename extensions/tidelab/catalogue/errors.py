"""What can be wrong with a use case, each with the sentence that a person reads."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


def shorten(value: object, limit: int = 80) -> str:
    """Return a value as it is shown inside a message: one line, printable, at most ``limit`` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[: limit + 1])
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"'{text}'" if isinstance(value, str) else text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``Did you mean 'x'? `` when one of the known names is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean '{close[0]}'? " if close else ""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in one use case's folder.

    Parameters
    ----------
    file
        The file it is in.
    rule
        What was expected, as the end of a sentence that starts with the field.
    field
        Dotted path, e.g. ``notebooks.analyse.parameters.threshold.default``; empty for the whole file.
    line
        Line in the file, from 1, where it is known.
    next_step
        What to do about it.
    """

    file: Path
    rule: str
    field: str = ""
    line: int | None = None
    next_step: str = ""

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else str(self.file)
        field = f"`{self.field}` " if self.field else ""
        return f"{where}: {field}{self.rule}{f' {self.next_step}' if self.next_step else ''}"


class CatalogueError(Exception):
    """Anything that is wrong with the catalogue or with a value given to it."""


class UseCaseError(CatalogueError):
    """A use case's folder cannot be used; ``problems`` holds each reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:20]]
        if len(self.problems) > len(shown):
            shown.append(f"… and {len(self.problems) - len(shown)} more")
        super().__init__("\n".join(shown))


class UnknownUseCaseError(CatalogueError, KeyError):
    """No use case of this name."""

    def __init__(self, slug: str, known: Iterable[str], broken: Iterable[str] = ()) -> None:
        known, broken = sorted(known), list(broken)
        if slug in broken:
            hint = f"Its folder exists but has problems: run `tidelab check {slug}`."
        else:
            hint = f"{did_you_mean(slug, known)}Known use cases: {', '.join(known) or 'none'}."
        self.message = f"There is no use case {shorten(slug)}. {hint}"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class ScaffoldError(CatalogueError):
    """A new use case cannot be made; nothing was written."""


class ParameterError(CatalogueError, ValueError):
    """A value given for a notebook's parameter does not fit its declaration."""

    def __init__(self, notebook: str, name: str, value: object, rule: str) -> None:
        self.notebook, self.name, self.value, self.rule = notebook, name, value, rule
        super().__init__(f"Parameter '{name}' of {notebook} is {shorten(value)}; {rule}")

    @classmethod
    def unknown(cls, notebook: str, name: str, known: Iterable[str]) -> "ParameterError":
        """Return the error for a name that the notebook does not have."""
        known = list(known)
        error = cls(notebook, name, None, "unknown")
        hint = f"{did_you_mean(name, known)}Its parameters: {', '.join(known) or 'none'}."
        error.args = (f"{notebook} has no parameter {shorten(name)}. {hint}",)
        return error
