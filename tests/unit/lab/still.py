"""A start-up test that stands still, for tests of what is shown."""

from typing import Any

from tidelab.lab.selftest import SelfTest


class Still(SelfTest):
    """Shows what it is given."""

    def __init__(self, result: dict[str, Any] | None = None, *, can_run: bool = False) -> None:
        self._given, self._can = result, can_run

    @property
    def can_run(self) -> bool:
        return self._can

    def shown(self) -> dict[str, Any] | None:
        return self._given


def result(level: str = "ok", text: str = "Your GPU is there: NVIDIA H200.") -> dict[str, Any]:
    return {"level": level, "text": text, "details": [], "checked": 1000.0}
