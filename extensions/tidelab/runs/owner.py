"""Whose run it is, and what may be opened for it by a process that acts with more rights than that person.

The apps serve everybody: their kernels, and the runs these start, see all homes. A run's folder is its owner's, who may write into
``request.json`` and beside it whatever they like. So such a process believes nothing that lies there: it executes the request that it
prepared itself, checks every path against the owner's own places at the moment of use, and, where the kernel offers it, gives up the right
to open anything else (`tidelab.runs.landlock`). A process that acts with its owner's own rights (Lab, command line) is not concerned.
"""

import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidelab import paths
from tidelab.catalogue import CatalogueError, UseCase, load_usecase
from tidelab.catalogue.load import usecase_candidates
from tidelab.runs.beneath import opened
from tidelab.runs.errors import RunError
from tidelab.runs.landlock import confine
from tidelab.runs.names import display_name
from tidelab.runs.policy import CACHE_FOLDER, TEMPORARY, TRASH, UPLOADS

if TYPE_CHECKING:
    from tidelab.runs.folder import RunFolder
    from tidelab.runs.request import RunRequest

ON_BEHALF: Final = "TIDELAB_ON_BEHALF"
"""Variable that a process bears which acts for one person and could open the files of others."""
HELD: Final = "TIDELAB_HELD_TO"
"""Variable that a process bears which `hold_to` held, and what it starts: the folder of runs."""
_SAMPLE: Final = ["sample"]
_GONE: Final = "model-that-is-gone"
_VOILA: Final = "VOILA_BASE_URL"
_OF_PYTHON: Final = ("bin", "lib", "lib64", "share", "ssl")
"""Folders of an installed Python: where one lies in somebody's home (``~/bin``, ``~/lib``), that home is not all its own."""


def is_folder(path: Path) -> bool:
    """Return whether a folder can be looked at there; a drive that is gone (``ENOTCONN``, ``ESTALE``, ``EIO``) is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def acts_for_others() -> bool:
    """Whether this process could open files of other people than the one it acts for: the apps and the runs they start."""
    return bool(os.environ.get(ON_BEHALF)) or _VOILA in os.environ


@dataclass(frozen=True)
class Owner:
    """A person for whose runs this process opens files.

    Parameters
    ----------
    home
        Their home: ``<home>/runs`` holds the runs.
    """

    home: Path

    @classmethod
    def of(cls, folder: "RunFolder") -> "Owner | None":
        """Return the owner of a run by its place; None where this process has that person's own rights."""
        return cls(folder.runs_root.parent) if acts_for_others() else None

    @cached_property
    def places(self) -> list[tuple[str, Path]]:
        """Titles and real paths of what this person may read: their home, shared data, instrument drives."""
        shared, *mounts = paths.mounts()
        named = [
            ("Home", self.home),
            ("Shared data", shared),
            *((one.name or str(one), one) for one in mounts),
        ]
        return [(title, path.resolve()) for title, path in named if is_folder(path)]

    def may_read(self, path: Path | str) -> bool:
        """Whether a path, with all links followed, lies in one of the places; whether anything is there does not matter."""
        return self._real(path) is not None

    def inside(self, path: str) -> str:
        """Return a path with all links followed.

        Raises
        ------
        RunError
            When it leads out of the places; the words are the same whether there is something or not.
        """
        real = self._real(path)
        if real is None:
            named = ", ".join(title for title, _ in self.places)
            raise RunError(
                f"{display_name(Path(path).name)} lies outside the folders that may be read for you here ({named}), so it was not opened. "
                "Choose it below one of them and analyse again."
            )
        return str(real)

    def images(self, given: list[str]) -> list[str]:
        """Return the images of a request with all links followed; raises `RunError` as `inside`."""
        return given if given == _SAMPLE else [self.inside(one) for one in given]

    def to_execute(self, request: "RunRequest", folder: "RunFolder") -> "RunRequest":
        """Return a request that may be executed for this person, with every path real.

        Raises
        ------
        RunError
            When something in it is not as this service prepares requests: the sentence says what.
        """
        case = self._use_case(request, folder)
        analyse = case.notebook("analyse")
        try:
            checked = case.validate_parameters("analyse", {**request.parameters})
        except CatalogueError as error:
            raise _outdated(str(error)) from None
        model = self._model(request)
        if model is None or (request.model.source != "own" and not _published(model)):
            raise _changed(
                f"it names a model in {display_name(Path(request.model.folder).name)!r} that is not one of yours"
            )
        if request.policy != case.data_policy.kind:
            raise _outdated(
                f"its data policy is {request.policy}, that of {case.slug} is {case.data_policy.kind}"
            )
        if paths.safe_name(request.person) != self.home.name:
            raise _changed("it names another person")
        parameters = dict(request.parameters)
        for name in analyse.path_parameters:
            if value := checked.get(name):
                many = isinstance(value, list)
                parameters[name] = [self.inside(one) for one in value] if many else self.inside(str(value))
        return request.model_copy(
            update={
                "use_case_folder": str(case.folder),
                "stack": case.stacks.analyse,
                "images": self.images(request.images),
                "parameters": parameters,
                "model": request.model.model_copy(update={"folder": str(model)}),
            }
        )

    def to_read(self, request: "RunRequest", folder: "RunFolder") -> "RunRequest":
        """Return a request as it lies in a folder, with a model that is this person's or published; else with one that is gone.

        Where its images are read again, and where a use case is loaded, another look is taken (`images`, `meaning.use_case_of`).
        """
        # A name at which nothing lies: what is not there now might be later.
        model = self._model(request) or folder.path / _GONE
        return request.model_copy(update={"model": request.model.model_copy(update={"folder": str(model)})})

    def to_show(self, request: "RunRequest", folder: "RunFolder", case: UseCase) -> "RunRequest":
        """Return a request whose run may be shown to this person by the app of a use case.

        Raises
        ------
        RunError
            When it is of another use case, or names files outside the places. The folder that it names is not looked at: that of
            `case` takes its place.
        """
        if request.use_case != case.slug:
            raise RunError(
                f"It was made with another use case, {display_name(request.use_case)!r}. Open it in that one's app."
            )
        for name in case.notebook("analyse").path_parameters:
            value = request.parameters.get(name) or []
            for one in value if isinstance(value, list) else [value]:
                self.inside(str(one))
        shown = self.to_read(request, folder)
        return shown.model_copy(update={"use_case_folder": str(case.folder)})

    def _real(self, path: Path | str) -> Path | None:
        real = _followed(path)
        return real if real and any(real.is_relative_to(place) for _, place in self.places) else None

    def _model(self, request: "RunRequest") -> Path | None:
        """Return the real folder of a model that may be opened for this person, None for any other."""
        model = _followed(request.model.folder)
        known = model and model.name != _GONE and (self.may_read(model) or _published(model))
        return model if known else None

    def _use_case(self, request: "RunRequest", folder: "RunFolder") -> UseCase:
        if (request.use_case, request.run_id) != (folder.path.parent.name, folder.run_id):
            raise _changed("it belongs to another run")
        wanted = _followed(request.use_case_folder)
        if wanted is None or wanted not in {_followed(one) for one in usecase_candidates()}:
            raise _outdated("the folder of its use case is none of this place")
        try:
            case = load_usecase(wanted)
        except CatalogueError as error:
            raise RunError(str(error)) from None
        if case.slug != request.use_case:
            raise _changed("it names another use case")
        return case


def _followed(path: Path | str) -> Path | None:
    """Return a path with all links followed; None where they go in a circle, or it is no path."""
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def _published(model: Path) -> bool:
    """Return whether the real folder of a model is a champion's, or comes with a use case of this place."""
    return any(model.is_relative_to(place.resolve()) for place in (paths.champions(), *usecase_candidates()))


def require_no_links(folder: Path, runs_root: Path) -> None:
    """Raise `RunError` where a folder of a person's runs, or one above it up to their home, is a link or missing.

    Only a process that acts for others asks: in one's own folders a link is one's own business.
    """
    try:
        with opened(runs_root, *folder.relative_to(runs_root).parts):
            return
    except (OSError, ValueError):
        raise _link(folder) from None


def require_own_files(folder: "RunFolder") -> None:
    """Raise `RunError` where the folder of a run, a folder above it, or something that lies in it is a link."""
    require_no_links(folder.path, folder.runs_root)
    with os.scandir(folder.path) as entries:
        link = next((entry.name for entry in entries if entry.is_symlink()), None)
    if link is not None:
        raise RunError(
            f"{display_name(link)} in it is a link, and files of a run are none. Analyse the images again."
        )


def hold_to(runs_root: Path) -> str:
    """Give up, for this thread and what it starts, every right to open files of other people than the one whose runs lie there.

    Returns
    -------
    str
        Empty when the kernel sees to it; else why it cannot, in a few words. Paths are checked all the same.

    Raises
    ------
    RunError
        When the folder of runs is a link or cannot be made.
    """
    if os.environ.get(HELD) == str(runs_root) and not _can_list(Path("/")):
        # By the kernel of the app, whose run this is.
        _keep_own_caches(runs_root)
        return ""
    # Its own, not everybody's: what others' processes keep there are keys of their kernels.
    shared = [Path("/tmp"), Path("/var/tmp")]  # noqa: S108  left out
    with suppress(OSError):
        shared.append(Path(tempfile.gettempdir()))
    with suppress(OSError):
        runs_root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _prepare(runs_root)
    tempfile.tempdir = os.environ["TMPDIR"] = str(runs_root / TEMPORARY)
    try:
        reason = _confine(runs_root.parent, shared)
    except (OSError, RuntimeError) as error:
        reason = f"a folder that has to be left out cannot be looked at ({error})"
    if not reason:
        os.environ[HELD] = str(runs_root)
        _keep_own_caches(runs_root)
    return reason


def _confine(home: Path, shared: list[Path]) -> str:
    """Hold this thread to a home, and to what all may read but the `shared` folders; return why not, if so."""
    data = paths.data()
    written = [paths.usage(), data / "cache", data / "run-slots", Path("/dev")]
    for folder in written[:-1]:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    needed = [path for path in _needed() if _can_open(path)]

    def trial() -> str:
        closed = next((path for path in needed if not _can_open(path)), None)
        return f"Python itself could not open {closed} any more" if closed else ""

    return confine(
        read=[Path("/"), *_read(data)],
        write=[home, *(path for path in written if is_folder(path))],
        but=[data, *shared, *_homes(home)],
        trial=trial,
    )


def _keep_own_caches(runs_root: Path) -> None:
    """Let what is kept of fonts and the like lie with the owner: the home of the service cannot be written any more."""
    own = runs_root / TEMPORARY
    tempfile.tempdir = os.environ["TMPDIR"] = str(own)
    os.environ.setdefault("MPLCONFIGDIR", str(own / "matplotlib"))
    os.environ.setdefault("XDG_CACHE_HOME", str(own / "cache"))


def _needed() -> Iterable[Path]:
    """Yield what this process, and the runs that it starts, have to open later: interpreters and their libraries."""
    yield from (Path(sys.executable), Path(__file__), *_pythons())
    yield from (Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib"))


def _pythons() -> Iterable[Path]:
    """Yield the interpreters of the installed environments."""
    with suppress(OSError):
        yield from sorted(paths.envs().glob("*/bin/python"))


def _can_open(path: Path) -> bool:
    """Return whether a file or folder can be opened for reading."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _can_list(folder: Path) -> bool:
    """Return whether a folder can be listed: above all that may be read, nobody who is held can."""
    try:
        with os.scandir(folder):
            return True
    except OSError:
        return False


def _prepare(runs_root: Path) -> None:
    for name in (CACHE_FOLDER, UPLOADS, TRASH):
        if (runs_root / name).is_symlink():
            raise _link(runs_root / name)
    try:
        for parent, name in ((runs_root.parent, runs_root.name), (runs_root, TEMPORARY)):
            with opened(parent) as handle, suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=handle)
        with opened(runs_root, TEMPORARY):
            return
    except (OSError, RuntimeError):
        raise _link(runs_root / TEMPORARY) from None


def _read(data: Path) -> Iterable[Path]:
    yield from (data / "profiles", paths.champions(), *paths.mounts(), *paths.usecase_folders())
    # Where somebody tries Tidelab in a temporary folder, its own code lies there.
    yield from (paths.envs(), paths.checkout() / "extensions", paths.checkout() / ".git", Path(sys.prefix))
    # Environments hold links to a Python elsewhere; it may lie below what is left out, or below a folder that cannot be listed.
    pythons = (real.parent.parent for python in _pythons() if (real := _followed(python)))
    bases = {Path(sys.base_prefix), Path(sys.base_exec_prefix), *pythons}
    yield from (base / part for base in bases for part in _OF_PYTHON)


def _homes(home: Path) -> Iterable[Path]:
    """Yield the folder of the homes where it lies elsewhere than in the data folder."""
    real = home.resolve().parent
    if real != Path(real.anchor):
        yield real


def _link(folder: Path) -> RunError:
    return RunError(
        f"{display_name(folder.name)} cannot be used: it, or a folder above it, is a link or is not there. The app reads and writes "
        "runs only in real folders of your home; move them back, or open the run in JupyterLab."
    )


def _changed(what: str) -> RunError:
    return RunError(
        f"The request of this run was changed after it was prepared, or was not made here: {what}. It was not executed. Start the "
        "analysis again as a new run."
    )


def _outdated(what: str) -> RunError:
    return RunError(
        f"Tidelab or this use case changed since this run was prepared: {what}. It was not executed. Start the analysis again as a new run."
    )
