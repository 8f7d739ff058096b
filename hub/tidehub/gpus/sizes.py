"""What the catalogue says of a server's size: its own rules for a GPU, and the size it goes on with when that is given back."""

from collections.abc import Callable
from typing import Any

from tidehub.looking import RunningServer
from tidehub.profiles import Choice, profile
from tidelab.catalogue import Catalogue
from tidelab.leases import Owner


class Sizes:
    """Reads the catalogue as it is now.

    Parameters
    ----------
    catalogue
        Callable that returns it.
    """

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue

    def of(self, slug: str, server: RunningServer | None) -> Choice | None:
        """Return the size of a running server; None where the catalogue does not know it (any more)."""
        options: Any = server.model.get("user_options") if server else None
        name = options.get("resources") if isinstance(options, dict) else None
        return next(
            (size for size in self._choices(slug) if size.name == name or (not name and size.is_default)),
            None,
        )

    def without_gpu(self, owner: Owner) -> str:
        """Return the size that a server goes on with: the default one, or the first its owner may choose; empty: none."""
        fitting = [
            size
            for size in self._choices(owner.server)
            if size.gpu is None and (not size.groups or set(size.groups) & set(owner.groups))
        ]
        fitting.sort(key=lambda size: not size.is_default)
        return fitting[0].name if fitting else ""

    def _choices(self, slug: str) -> tuple[Choice, ...]:
        use_case = self._catalogue().get(slug)
        return profile(use_case).choices if use_case else ()
