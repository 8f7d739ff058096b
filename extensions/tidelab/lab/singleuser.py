"""``python -m tidelab.lab.singleuser``: JupyterHub's single-user server, without importing the hub's database.

`jupyterhub.singleuser` imports modules of the hub itself (log, scopes, utils), and they import SQLAlchemy, Alembic and the hub's pages:
a third of the processor time that a Lab needs to start, for code that runs in the hub alone. Here those modules are stood in
for by ones that are imported when something in them is used, so nothing is missing; only the time of the import moves, mostly to never.
"""

import importlib
import sys
from types import ModuleType
from typing import Any, Final

POSTPONED: Final = (
    *("sqlalchemy", "sqlalchemy.exc", "jupyterhub.orm", "jupyterhub.roles"),
    *("jupyterhub.handlers", "jupyterhub.handlers.pages"),
)


class HealthCheckHandler:
    """Stands for the hub's page of this name, which the log asks about: no request of a single-user server is one."""


class SQLAlchemyError(Exception):
    """Stands for SQLAlchemy's, which `jupyterhub.utils` catches: nothing here has a database that could raise it."""


_KNOWN: Final[dict[str, dict[str, Any]]] = {
    "sqlalchemy.exc": {"SQLAlchemyError": SQLAlchemyError},
    "jupyterhub.handlers.pages": {"HealthCheckHandler": HealthCheckHandler},
}


class Postponed(ModuleType):
    """A module that is imported when something in it is used.

    Parameters
    ----------
    name
        The module's name.
    known
        What importing modules take from it by name, and never use in a single-user server.
    """

    def __init__(self, name: str, known: dict[str, Any]) -> None:
        super().__init__(name)
        self.__dict__.update(known)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """Import the real module, and take the attribute from it."""
        if name.startswith("__") or f"{self.__name__}.{name}" in POSTPONED:
            raise AttributeError(name)
        resume()
        return getattr(importlib.import_module(self.__name__), name)


def postpone() -> None:
    """Put stand-ins where nothing was imported yet."""
    importlib.import_module("jupyterhub")  # the package itself is empty but for its version
    for name in POSTPONED:
        if name not in sys.modules:
            sys.modules[name] = stand_in = Postponed(name, _KNOWN.get(name, {}))
            _set_in_parent(name, stand_in)


def resume() -> None:
    """Take all stand-ins away: whoever imports one of them from now on gets the module itself."""
    for name in POSTPONED:
        if isinstance(sys.modules.get(name), Postponed):
            del sys.modules[name]
            _set_in_parent(name, None)


def _set_in_parent(name: str, module: ModuleType | None) -> None:
    """Do what an import does: a module is an attribute of its package."""
    parent, _, child = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is None:
        return
    if module is not None:
        setattr(package, child, module)
    elif isinstance(package.__dict__.get(child), Postponed):
        delattr(package, child)


def main() -> None:
    """Become the single-user server."""
    postpone()
    from jupyterhub.singleuser import main as become

    become()


if __name__ == "__main__":
    main()
