"""Paths as they stand in what leaves a machine: by the name of the place they lie in, never with the machine's own folders.

``/srv/tidelab/data/homes/ada/cruise/a.tif`` is ``Home/cruise/a.tif`` in manifest, RO-Crate, report and zip. ``request.json``, which stays
in the run's folder, keeps the whole path: from it a run can be made again.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.runs.policy import UPLOADS

_ELSEWHERE: Final = "Elsewhere"
_UPLOAD: Final = "Upload"


def shown_path(path: str, runs_root: Path) -> str:
    """Return a path by the place it lies in: Home, Upload, Runs, Shared data, a drive's name, Published models, a use case; else its last part.

    Parameters
    ----------
    path
        Absolute; the word ``sample`` and anything that is no absolute path stay as they are.
    runs_root
        Folder of the person's runs.
    """
    if not os.path.isabs(path):  # noqa: PTH117  text, which may be no path at all
        return path
    named = _places(runs_root)
    # Without dots: they would step out of the place that seems to hold the path.
    plain = Path(os.path.abspath(path))  # noqa: PTH100  keeps links
    for form in dict.fromkeys((plain, _real(plain))):
        # The innermost place speaks: uploads lie below the runs, the runs below the home.
        for place in sorted(named, key=lambda one: len(one.parts), reverse=True):
            if form.is_relative_to(place):
                inside = form.relative_to(place).parts
                # An upload's folder has a name that nobody gave it.
                inside = inside[1:] if named[place] == _UPLOAD else inside
                return "/".join((named[place], *inside))
    return f"{_ELSEWHERE}/{Path(path).name}"


def shown_parameters(values: Mapping[str, Any], use_case: UseCase | None, runs_root: Path) -> dict[str, Any]:
    """Return the parameters of a run with those that name files as `shown_path` writes them."""
    analyse = use_case.notebooks.get("analyse") if use_case else None
    if analyse is None:
        # Nobody says which of them are paths.
        return {name: _shown(value, runs_root) for name, value in values.items()}
    named = {"images", *analyse.path_parameters}
    return {name: _shown(value, runs_root) if name in named else value for name, value in values.items()}


def _shown(value: Any, runs_root: Path) -> Any:
    if isinstance(value, list | tuple):
        return [_shown(one, runs_root) for one in value]
    return shown_path(value, runs_root) if isinstance(value, str) else value


def _places(runs_root: Path) -> dict[Path, str]:
    homes = paths.data() / "homes"
    home = runs_root.parent if runs_root.parent.parent == homes else Path.home()
    shared, *mounts = paths.mounts()
    named = {home: "Home", runs_root: "Runs", runs_root / UPLOADS: _UPLOAD, shared: "Shared data"}
    named |= {mount: mount.name or "Drive" for mount in mounts}
    named |= {paths.champions(): "Published models"}
    named |= dict.fromkeys(paths.usecase_folders(), "Use cases")
    return {one: title for place, title in named.items() for one in (place, _real(place))}


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path
