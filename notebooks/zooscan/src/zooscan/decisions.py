"""What people decided about separations: an append-only log beside the results, and the decision in force for each object."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tidelab.runs import RunError, RunFolder, list_runs
from tidelab.runs.append_log import AppendLog
from tidelab.runs.validation.acts import new_act

FILE_NAME: Final = "separations.jsonl"
MAX_LINES: Final = 50
MAX_POINTS: Final = 2000

Action = Literal["keep", "refuse", "draw", "undo"]
"""keep: the proposed lines are right; refuse: this is one object, do not separate; draw: by these lines instead; undo."""

Coordinate = Annotated[float, Field(ge=-1e5, le=1e5)]
Drawn = Annotated[tuple[tuple[Coordinate, Coordinate], ...], Field(min_length=2, max_length=MAX_POINTS)]


class Decision(BaseModel):
    """One act of a person on one object."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    event_id: str = Field(max_length=100)
    time: AwareDatetime
    person: str = Field(min_length=1, max_length=255)
    action: Action
    image_id: str = Field("", max_length=100)
    lines: Annotated[tuple[Drawn, ...], Field(max_length=MAX_LINES)] = Field(
        (), description="Of `draw`: polylines of (x, y), pixels of the object's box"
    )
    separator: str = Field(
        "",
        max_length=400,
        description="Of `keep`: what proposed the lines; empty: the watershed of the outline",
    )
    undoes: str = Field("", max_length=100, description="event_id of the act that an `undo` takes back")
    adopted_from: str = Field(
        "", max_length=100, description="run_id of the earlier run of the same objects in which it was said"
    )


class Decisions:
    """Acts in the order of the log; the later one wins."""

    def __init__(self) -> None:
        self.events: list[Decision] = []
        self._known: set[str] = set()
        self._stacks: dict[str, list[Decision]] = {}

    def add(self, event: Decision) -> None:
        """Take the next act; one that is already known changes nothing."""
        if event.event_id in self._known:
            return
        self._known.add(event.event_id)
        self.events.append(event)
        if event.action != "undo":
            self._stacks.setdefault(event.image_id, []).append(event)
            return
        for stack in self._stacks.values():
            # Nobody undoes what another person said.
            stack[:] = [one for one in stack if (one.event_id, one.person) != (event.undoes, event.person)]

    def in_force(self) -> dict[str, Decision]:
        """Return image_id -> the act that stands."""
        return {image_id: stack[-1] for image_id, stack in self._stacks.items() if stack}

    def last_of(self, person: str) -> Decision | None:
        """Return the last act of a person in this run that still stands."""
        standing = {one.event_id for stack in self._stacks.values() for one in stack}
        mine = (one for one in reversed(self.events) if one.person == person and not one.adopted_from)
        return next((one for one in mine if one.event_id in standing), None)


class DecisionLog:
    """The decisions of one run; two of them on the same run, in two processes, lose nothing of each other.

    Parameters
    ----------
    run
        Its folder.
    """

    def __init__(self, run: RunFolder) -> None:
        self._log = AppendLog(run.path / FILE_NAME, Decision, Decisions)

    def say(
        self,
        action: Literal["keep", "refuse", "draw"],
        image_id: str,
        person: str,
        lines: Sequence[Sequence[tuple[float, float]]] = (),
        separator: str = "",
    ) -> Decision:
        """Add a decision; when this returns it is on the disk.

        Raises
        ------
        RunError
            When it could not be saved.
        ValueError
            When lines or person are none that can be kept.
        """
        act, time = new_act()
        drawn = tuple(tuple((float(x), float(y)) for x, y in line) for line in lines)
        event = Decision(
            event_id=act,
            time=time,
            person=person,
            action=action,
            image_id=image_id,
            lines=drawn,
            separator=separator if action == "keep" else "",
        )
        with self._log.writing() as writer:
            writer.append([event])
        return event

    def undo(self, person: str) -> Decision | None:
        """Take back the last decision of this person that stands, and nobody else's; None where there is none."""
        with self._log.writing() as writer:
            last = writer.replay.last_of(person)
            if last is not None:
                act, time = new_act()
                writer.append(
                    [Decision(event_id=act, time=time, person=person, action="undo", undoes=last.event_id)]
                )
            return last

    def in_force(self) -> dict[str, Decision]:
        """Return image_id -> the decision that stands."""
        return self._log.read().in_force()

    def events(self) -> list[Decision]:
        """Return all acts, undone ones and undos included."""
        return list(self._log.read().events)

    @property
    def position(self) -> int:
        """Grows whenever somebody adds to the log."""
        self._log.read()
        return self._log.position

    def adopt(self, decisions: Sequence[Decision]) -> None:
        """Take over what was decided in earlier runs of the same objects; persons and times stay."""
        if decisions:
            with self._log.writing() as writer:
                writer.append(decisions)


def adopt_earlier(run: RunFolder, image_ids: set[str], separator: str = "") -> int:
    """Take over what stands on the same objects in the other runs of the person; the newest word wins. Returns how many.

    Lines that were kept are taken over only where the same separator proposed them: nobody looked at those of another one.
    """
    log = DecisionLog(run)
    known = log.in_force()
    newest: dict[str, Decision] = {}
    for other in list_runs(run.request.use_case, run.runs_root):
        if other.path == run.path or not (other.path / FILE_NAME).is_file():
            continue
        try:
            standing = DecisionLog(other).in_force()
        except RunError:
            continue
        for image_id, one in standing.items():
            if one.action == "keep" and one.separator != separator:
                continue
            if (
                image_id in image_ids
                and image_id not in known
                and (image_id not in newest or one.time > newest[image_id].time)
            ):
                newest[image_id] = one.model_copy(update={"adopted_from": one.adopted_from or other.run_id})
    log.adopt(sorted(newest.values(), key=lambda one: (one.time, one.event_id)))
    return len(newest)


def path_of(run: RunFolder) -> Path:
    """Return where the decisions of a run lie."""
    return run.path / FILE_NAME
