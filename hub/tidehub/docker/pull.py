"""How far the engine is with fetching an image, from the records it sends meanwhile."""

from dataclasses import dataclass, field
from typing import Any

_COMPLETE = ("Pull complete", "Already exists")


class PullError(RuntimeError):
    """The engine could not fetch an image; the text is what it said."""


@dataclass
class PullProgress:
    """Adds up the layers of one image.

    The size of a layer is known when its download begins, so the share can fall when another one begins; what is said never does.
    """

    _layers: dict[str, tuple[float, float]] = field(default_factory=dict)
    _percent: int = 0

    def take(self, record: dict[str, Any]) -> None:
        """Read one record of the engine.

        Raises
        ------
        PullError
            The record says that it failed.
        """
        if error := record.get("error"):
            raise PullError(" ".join(str(error).split())[:300])
        layer, status = str(record.get("id", "")), str(record.get("status", ""))
        detail = record.get("progressDetail")
        current, total = (
            (detail.get("current"), detail.get("total")) if isinstance(detail, dict) else (None, None)
        )
        if status == "Pulling fs layer":
            self._layers.setdefault(layer, (0.0, 0.0))
        elif status == "Downloading" and isinstance(current, int) and isinstance(total, int) and total > 0:
            self._layers[layer] = (float(min(max(current, 0), total)), float(total))
        elif (status in _COMPLETE or status == "Download complete") and layer in self._layers:
            size = self._layers[layer][1]
            self._layers[layer] = (size, size)

    @property
    def percent(self) -> int:
        """Share of the bytes that is here, of those whose size is known; 0 to 100, never falling."""
        known = sum(total for _, total in self._layers.values())
        if known:
            unknown = sum(1 for _, total in self._layers.values() if not total)
            here = sum(current for current, _ in self._layers.values())
            # Layers of unknown size count as the mean of the others, so that the first small one is not all.
            whole = known * (1 + unknown / max(1, len(self._layers) - unknown))
            self._percent = max(self._percent, min(100, int(100 * here / whole)))
        return self._percent
