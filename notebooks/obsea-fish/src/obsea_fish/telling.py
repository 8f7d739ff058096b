"""What the views of a series share: the series of a run, computed once, and in words what keeps a view from being made."""

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path

from obsea_fish.series import Series, of_run
from tidelab.reports.display import Displayable, note, section
from tidelab.runs import RunError, RunFolder

View = Callable[[RunFolder], Displayable]


def told(view: Callable[[RunFolder, Series], Displayable]) -> View:
    """Show in words what keeps a view from being made: a parameter, a file a person named, a run without pictures."""

    @wraps(view)
    def shown(run: RunFolder) -> Displayable:
        try:
            series = series_of(run)
            if series.effort.empty:
                words = "No picture has a time that can be used, so there is no series. " + " ".join(
                    series.remarks
                )
                return section(note(words, "warn"), words)
            return view(run, series)
        except (ValueError, RunError) as error:
            return section(note(str(error), "warn"), str(error))

    return shown


def series_of(run: RunFolder) -> Series:
    """Return the series of a run, computed once for each state of what persons said; raises as `obsea_fish.series.of_run`."""
    return _series(str(run.path), _state(run))


@lru_cache(maxsize=4)
def _series(path: str, state: int) -> Series:
    return of_run(RunFolder(Path(path)))


def _state(run: RunFolder) -> int:
    """Return what changes when a person gives an object another name."""
    log = run.path / "validations.jsonl"
    return log.stat().st_size if log.is_file() else 0
