"""Measures of one image: those of the toolkit and those that a use case declares, kept with the prediction."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Measure = Callable[[npt.NDArray[np.uint8]], Mapping[str, float]]


@dataclass(frozen=True)
class Measured:
    """What was measured of one image.

    Parameters
    ----------
    numbers
        By name.
    problems
        Measure -> why it gave nothing.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    problems: Mapping[str, Exception] = field(default_factory=dict)

    def beside(self, known: Mapping[str, float]) -> "Measured":
        """Return the same without numbers of names that the predictor's statistics have already, which is a problem."""
        twice = sorted(self.numbers.keys() & known.keys())
        if not twice:
            return self
        numbers = {name: value for name, value in self.numbers.items() if name not in known}
        words = f"the predictor's statistics have {', '.join(twice)} too; names must differ"
        return Measured(numbers, {**self.problems, "names": ValueError(words)})


@dataclass(frozen=True)
class Measuring:
    """All measures of a run.

    Parameters
    ----------
    measures
        Name (as declared) -> function.
    """

    measures: Mapping[str, Measure] = field(default_factory=dict)

    def of(self, pixels: npt.NDArray[np.uint8]) -> Measured:
        """Measure one image, uint8 ``(height, width, 3)``; a measure that fails costs its own numbers and no others.

        A number whose name another measure has given already is a failure of the later one; what is no number is one too.
        """
        numbers: dict[str, float] = {}
        problems: dict[str, Exception] = {}
        for name, measure in self.measures.items():
            try:
                numbers |= _checked(measure(pixels), numbers)
            except Exception as error:
                # A use case's own code: whatever it raises is told, and the prediction stays.
                problems[name] = error
        return Measured(numbers, problems)


def _checked(found: Mapping[str, float], known: Mapping[str, float]) -> dict[str, float]:
    numbers = {str(name): float(value) for name, value in found.items()}
    twice = sorted(numbers.keys() & known.keys())
    if twice:
        raise ValueError(f"another measure gives {', '.join(twice)} too; names must differ")
    endless = [name for name, value in numbers.items() if math.isinf(value)]
    if endless:
        raise ValueError(f"{', '.join(endless)} is infinite")
    return numbers
