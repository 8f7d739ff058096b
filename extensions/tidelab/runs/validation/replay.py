"""What follows from a log of acts: which word on each image is in force."""

from datetime import datetime
from itertools import takewhile

from tidelab.domain.determination import ValidationEvent


def act_of(event_id: str) -> str:
    """Return the name of the act that an event belongs to: one press of a key may give several names, an event each."""
    return event_id.rpartition(".")[0] or event_id


class Replay:
    """Acts in the order of the log; the later act wins, whatever the clocks say.

    Attributes
    ----------
    events : list of ValidationEvent
        All acts, undone ones and undos included.
    changed : dict
        image_id -> time of the last act that touched it, undos included.
    """

    def __init__(self) -> None:
        self.events: list[ValidationEvent] = []
        self.changed: dict[str, datetime] = {}
        self._known: set[str] = set()
        self._stacks: dict[str, list[ValidationEvent]] = {}
        # By event_id: to look for an event in a list means to compare it with all others, for each undo anew.
        self._standing: dict[str, dict[str, ValidationEvent]] = {}

    def add(self, event: ValidationEvent) -> None:
        """Take the next act of the log; an event that is already known changes nothing."""
        if event.event_id in self._known:
            return
        self.events.append(event)
        self._known.add(event.event_id)
        if event.action == "undo":
            self._undo(event)
            return
        for image_id in event.image_ids:
            self._stacks.setdefault(image_id, []).append(event)
            self.changed[image_id] = event.time
        if not event.adopted_from:
            self._standing.setdefault(event.person, {})[event.event_id] = event

    def word(self, image_id: str) -> ValidationEvent | None:
        """Return the act whose word on an image is in force, None when nobody's is."""
        stack = self._stacks.get(image_id)
        return stack[-1] if stack else None

    def words(self) -> dict[str, ValidationEvent]:
        """Return image_id -> the act whose word is in force."""
        return {image_id: stack[-1] for image_id, stack in self._stacks.items() if stack}

    def last_act(self, person: str) -> list[ValidationEvent]:
        """Return the events of the last act of a person, made in this run, that is not undone."""
        standing = self._standing.get(person, {})
        act = act_of(next(reversed(standing))) if standing else ""
        # The events of an act stand together in the log: they are written at once, under its lock.
        events = takewhile(lambda event: act_of(event.event_id) == act, reversed(standing.values()))
        return list(events)[::-1]

    def _undo(self, undo: ValidationEvent) -> None:
        # Nobody undoes what another person said, and nothing is undone twice.
        event = self._standing.get(undo.person, {}).pop(undo.undoes, None)
        if event is None:
            return
        for image_id in event.image_ids:
            self._stacks[image_id] = [one for one in self._stacks[image_id] if one is not event]
            self.changed[image_id] = undo.time
