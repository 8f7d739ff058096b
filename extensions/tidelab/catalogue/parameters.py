"""Parameters of a notebook: how each type is declared, and how a given value is checked.

A new type is one class here with a ``check`` and one line in ``Parameter``; form, command line and documentation
follow from the declaration.
"""

import contextlib
import math
import os
import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from tidelab.catalogue._base import Line, Part, Text


class _Parameter(Part):
    title: Line = Field(title="Title", description="Name in the form.")
    help: Text = Field(
        title="Help", description="What it does and how to choose it, for someone who sees it first."
    )
    affects_results: bool = Field(
        True,
        title="Affects results",
        description="Whether another value gives other results for the same image and model; such values are part of "
        "a result's identity. False for what merely names inputs or models, which are identified by their digests.",
    )
    advanced: bool = Field(
        False, title="Advanced", description="Shown in the form only under 'More settings'."
    )

    @abstractmethod
    def check(self, value: object) -> Any:
        """Return the value in its own type; raise ValueError with the rule when it does not fit."""


class PathParameter(_Parameter):
    """A folder, a file, a list of files or a zip; of ``images`` also the word ``sample``.

    Whatever a run opens because a person named it is declared with this type: the app takes it only below the folders that the person may
    read, and a run knows it by its absolute path.
    """

    type: Literal["path"] = Field(title="Type", description="path")
    default: str = Field(
        title="Default",
        description="Value when none is given; of `images`, `sample` is the use case's sample. Empty: none, and it may stay so.",
    )

    def check(self, value: object) -> str | list[str]:
        """Return the path or the list of paths, as text; empty where there may be none and is."""
        if not self.default and (value is None or (isinstance(value, str) and not value.strip())):
            return ""
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            if not value:
                raise ValueError("it must name at least one file.")
            return [self._one(part) for part in value]
        return self._one(value)

    @staticmethod
    def _one(value: object) -> str:
        if not isinstance(value, str | os.PathLike):
            raise ValueError("it must be the path of a folder, a zip or image files, or 'sample'.")
        text = os.fspath(value)
        if not isinstance(text, str) or not text.strip() or "\0" in text:
            raise ValueError("it must be the path of a folder, a zip or image files, or 'sample'.")
        return text


class _Bounded(_Parameter):
    def _bounds(self, value: float, minimum: float | None, maximum: float | None) -> None:
        if minimum is not None and value < minimum:
            raise ValueError(f"it must be at least {minimum}.")
        if maximum is not None and value > maximum:
            raise ValueError(f"it must be at most {maximum}.")


class IntegerParameter(_Bounded):
    """A whole number."""

    type: Literal["integer"] = Field(title="Type", description="integer")
    default: int = Field(title="Default", description="Value when none is given.")
    minimum: int | None = Field(None, title="Minimum", description="Smallest allowed value.")
    maximum: int | None = Field(None, title="Maximum", description="Largest allowed value.")

    def check(self, value: object) -> int:
        """Return the whole number."""
        number: int | None = None
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value):
            number = int(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        if number is None:
            raise ValueError("it must be a whole number.")
        self._bounds(number, self.minimum, self.maximum)
        return number


def _is_unknown(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


class NumberParameter(_Bounded):
    """A number; where its default is null it may be unknown, and an empty field of the form means that."""

    type: Literal["number"] = Field(title="Type", description="number")
    default: float | None = Field(
        title="Default", description="Value when none is given; null: not known, and it may stay so."
    )
    minimum: float | None = Field(None, title="Minimum", description="Smallest allowed value.")
    maximum: float | None = Field(None, title="Maximum", description="Largest allowed value.")
    step: float | None = Field(None, title="Step", description="Step of the control in the form.", gt=0)

    def check(self, value: object) -> float | None:
        """Return the number, or None where it may be unknown and is."""
        if self.default is None and _is_unknown(value):
            return None
        number = math.nan
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            with contextlib.suppress(ValueError, OverflowError):
                number = float(value)
        if not math.isfinite(number):
            raise ValueError("it must be a number (with a decimal point, not a comma).")
        self._bounds(number, self.minimum, self.maximum)
        return number


class StringParameter(_Parameter):
    """A line of text; where its default is null it may be unknown, and an empty field of the form means that."""

    type: Literal["string"] = Field(title="Type", description="string")
    default: str | None = Field(
        title="Default", description="Value when none is given; null: not known, and it may stay so."
    )
    max_length: int = Field(500, title="Length", description="Most characters it may have.", ge=1, le=10_000)
    pattern: str | None = Field(
        None, title="Pattern", description="Regular expression that the whole value must match."
    )

    def check(self, value: object) -> str | None:
        """Return the text, or None where it may be unknown and is."""
        if self.default is None and _is_unknown(value):
            return None
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str) or "\0" in value:
            raise ValueError("it must be text.")
        if len(value) > self.max_length:
            raise ValueError(f"it must have at most {self.max_length} characters.")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise ValueError(f"it must match the pattern {self.pattern}")
        return value


class BooleanParameter(_Parameter):
    """Yes or no."""

    type: Literal["boolean"] = Field(title="Type", description="boolean")
    default: bool = Field(title="Default", description="Value when none is given.")

    def check(self, value: object) -> bool:
        """Return whether it is true; words such as yes and off are understood."""
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in words:
            return words[value.strip().lower()]
        raise ValueError("it must be true or false.")


class ChoiceParameter(_Parameter):
    """One of a list."""

    type: Literal["choice"] = Field(title="Type", description="choice")
    default: str = Field(title="Default", description="Value when none is given.")
    choices: tuple[Line, ...] = Field(
        title="Choices", description="The allowed values, in the order shown.", min_length=1
    )

    def check(self, value: object) -> str:
        """Return the choice."""
        if not isinstance(value, str) or value not in self.choices:
            raise ValueError(f"it must be one of: {', '.join(self.choices)}.")
        return value


Parameter = Annotated[
    PathParameter | IntegerParameter | NumberParameter | StringParameter | BooleanParameter | ChoiceParameter,
    Field(discriminator="type"),
]
