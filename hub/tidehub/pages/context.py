"""What our pages are made from; live data is read at each request."""

from collections.abc import Callable
from dataclasses import dataclass

from tidehub.disk import Measuring
from tidehub.health import Health
from tidehub.pages.gpu_state import GpuState
from tidehub.settings import Settings
from tidelab.catalogue import Catalogue


@dataclass(frozen=True)
class PageContext:
    """Settings, catalogue and health, as the page handlers need them."""

    settings: Settings
    catalogue: Callable[[], Catalogue]
    health: Health
    gpus: GpuState
    measuring: Measuring

    def __deepcopy__(self, memo: object) -> "PageContext":
        """Return itself: traitlets copies configuration values."""
        return self
