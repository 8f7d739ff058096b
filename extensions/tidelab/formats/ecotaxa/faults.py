"""What is wrong with a bundle: one fault, one sentence, one place."""

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

SHOWN_PER_RULE: Final = 20
"""Faults of one rule in one column of one table that are told one by one; the others are counted."""

_MAX_VALUE: Final = 80

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Parameters
    ----------
    file
        Path relative to the bundle; empty for the bundle as a whole.
    line
        Line of the table, 1 is the header; 0 where none is meant.
    field
        Column; empty where none is meant.
    message
        What is wrong, what was expected, what to do.
    value
        What stands there.
    rule
        Short name of the rule, the same for every fault of its kind (``latitude``, ``image-missing``).
    severity
        ``error``: EcoTaxa refuses the import. ``warning``: it imports something else than what was probably meant.
    """

    file: str
    line: int
    field: str
    message: str
    value: str = ""
    rule: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = [self.file or "bundle"]
        if self.line:
            place.append(f"line {self.line}")
        if self.field:
            place.append(self.field)
        return f"{', '.join(place)}: {self.message}"


class Faults:
    """Collects the faults of a bundle, and counts those that repeat one another."""

    def __init__(self) -> None:
        self._found: list[Fault] = []
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._severity: dict[tuple[str, str, str], Severity] = {}

    def add(
        self,
        rule: str,
        message: str,
        *,
        file: str = "",
        line: int = 0,
        field: str = "",
        value: str = "",
        severity: Severity = "error",
    ) -> None:
        """Note a fault."""
        key = (file, field, rule)
        self._seen[key] += 1
        self._severity[key] = severity
        if self._seen[key] <= SHOWN_PER_RULE:
            self._found.append(Fault(file, line, field, message, shown(value), rule, severity))

    def all(self) -> list[Fault]:
        """Return the faults, by file and line, with a last sentence where more of a kind were counted than are told."""
        more = [
            Fault(
                file,
                0,
                field,
                f"{count - SHOWN_PER_RULE} more lines have the same fault.",
                "",
                rule,
                self._severity[file, field, rule],
            )
            for (file, field, rule), count in self._seen.items()
            if count > SHOWN_PER_RULE
        ]
        return sorted(self._found, key=lambda fault: (fault.file, fault.line)) + more


def shown(value: str) -> str:
    """Return a value as a message may hold it: printable, on one line, not long."""
    text = "".join(char if char.isprintable() else "�" for char in value)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"
