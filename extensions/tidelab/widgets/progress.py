"""How far a run is, in words for the person who waits."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tidelab.domain.state import RunState
from tidelab.reports import numbers


@dataclass(frozen=True)
class Progress:
    """What the progress line shows.

    Parameters
    ----------
    fraction
        0 to 1; None while it is not known (the bar then moves without a measure).
    text
        One line.
    """

    fraction: float | None
    text: str


def describe(state: RunState, now: datetime | None = None) -> Progress:
    """Return a run's progress.

    Parameters
    ----------
    state
        State of the run.
    now
        Time of the estimate; the clock when None.
    """
    if state.status == "queued":
        # The step says how many are ahead.
        return Progress(0.0, f"{state.step.rstrip('.') or 'Waiting for a free place'}…")
    if state.status == "done":
        return Progress(1.0, f"Finished: {_images(state)}.")
    if state.status == "cancelled":
        return Progress(
            _fraction(state), f"Cancelled after {_images(state)}. Analyse again to go on from there."
        )
    if state.status == "failed":
        return Progress(_fraction(state), f"Stopped after {_images(state)}.")
    parts = [state.step.rstrip(".") or "Working"]
    if state.total:
        parts.append(f"{numbers.count(state.done)} of {numbers.plural(state.total, 'image')}")
    if state.failed:
        parts.append(f"{numbers.plural(state.failed, 'file')} could not be used")
    remaining = _remaining(state, now or datetime.now(UTC))
    if remaining is not None:
        parts.append(f"about {numbers.duration(remaining)} left")
    return Progress(_fraction(state), " · ".join(parts))


def preparing(state: RunState) -> Progress:
    """Return the progress of a run that is done while its results are on their way to the page."""
    return Progress(1.0, f"Analysed {_images(state)}. Preparing the pictures…")


def _images(state: RunState) -> str:
    text = numbers.plural(state.done, "image")
    if state.failed:
        text += f", {numbers.plural(state.failed, 'file')} could not be used"
    return text


def _fraction(state: RunState) -> float | None:
    return min(1.0, (state.done + state.failed) / state.total) if state.total else None


def _remaining(state: RunState, now: datetime) -> float | None:
    """Seconds left, from the images that the model was called for: cached ones come in no time and would flatter."""
    if state.started is None or state.predicted < 20 or not state.total:
        return None
    elapsed = (now - datetime.fromisoformat(state.started)).total_seconds()
    left = state.total - state.done - state.failed
    return elapsed / state.predicted * left if elapsed > 0 and left > 0 else None
