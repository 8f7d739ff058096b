"""What people do to the images of a run: confirm, move, call unknown, undo, draw an audit."""

import datetime
import difflib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from time import sleep
from typing import Final

from tidelab.domain.determination import Audit, ValidationEvent
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder
from tidelab.runs.meaning import label_meaning
from tidelab.runs.names import spreadsheet_safe
from tidelab.runs.validation import audits as audits_
from tidelab.runs.validation.log import EventLog, words_of
from tidelab.runs.validation.replay import Replay
from tidelab.runs.validation.summary import ValidationSummary, is_checked, summarise

_MAX_PERSON: Final = 255
_ONE_MOMENT: Final = datetime.timedelta(milliseconds=100)


class Validation:
    """The validation of one run. Two of them on the same run, in two processes, lose nothing of each other.

    Parameters
    ----------
    folder
        A finished run; `RunError` says so when it is none.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._log = EventLog(folder.path)
        self._audits: tuple[tuple[int, int, int], list[Audit]] | None = None

    @cached_property
    def predicted(self) -> dict[str, str]:
        """image_id -> the model's name (empty: unidentified), in the order of the results; they never change."""
        results = self.folder.results()
        found: dict[str, str] = {}
        for image_id, label in zip(results["image_id"].tolist(), results["label"].tolist(), strict=True):
            found.setdefault(image_id, label)
        return found

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names that a person may give: the model's classes and the declared ones, as the tables write them."""
        return tuple(dict.fromkeys((*label_meaning(self.folder), *filter(None, self.predicted.values()))))

    def confirm(
        self, image_ids: Iterable[str], person: str, audit: str | None = None
    ) -> list[ValidationEvent]:
        """Say that the names in force are right.

        Parameters
        ----------
        image_ids
            Images that carry a name.
        person
            Who says so.
        audit
            The audit that asked for the look; by default the newest one that asks for the image, if any does.

        Returns
        -------
        list of ValidationEvent
            What was added to the log, one event a name.

        Raises
        ------
        RunError
            When an image is not of this run or carries no name, or nothing could be saved.
        """
        ids = self._known(image_ids)

        def give(replay: Replay) -> dict[str, str]:
            names = {image_id: self._in_force(replay, image_id) for image_id in ids}
            if nameless := sum(1 for name in names.values() if not name):
                raise RunError(
                    f"{nameless} of {len(ids)} images carry no name that could be confirmed. Give them one, or mark them unknown."
                )
            return names

        return self._say(give, person, audit)

    def move(
        self, image_ids: Iterable[str], label: str, person: str, audit: str | None = None
    ) -> list[ValidationEvent]:
        """Give images a name, one of `labels`. Parameters, returns and errors otherwise as for `confirm`."""
        name = self._label(label)
        ids = self._known(image_ids)
        return self._say(lambda _: dict.fromkeys(ids, name), person, audit)

    def unknown(
        self, image_ids: Iterable[str], person: str, audit: str | None = None
    ) -> list[ValidationEvent]:
        """Say that a person looked and could not tell. Parameters, returns and errors as for `confirm`."""
        ids = self._known(image_ids)
        return self._say(lambda _: dict.fromkeys(ids, ""), person, audit)

    def give(self, names: Mapping[str, str], person: str, audit: str | None = None) -> list[ValidationEvent]:
        """Give each image a name of its own in one act, which one undo takes back.

        Parameters
        ----------
        names
            image_id -> one of `labels`; empty: a person looked and could not tell.
        person, audit
            As for `confirm`.
        """
        given = {name: self._label(name) if name else "" for name in set(names.values())}
        ids = self._known(names)
        return self._say(lambda _: {image_id: given[names[image_id]] for image_id in ids}, person, audit)

    def undo(self, person: str) -> list[ValidationEvent]:
        """Take back the last act of this person in this run that still stands, and nobody else's; as often as there is one.

        Returns
        -------
        list of ValidationEvent
            The events that were taken back; empty when there was nothing.
        """
        who = _person(person)
        with self._log.writing() as writer:
            undone = writer.replay.last_act(who)
            act, time = new_act()
            writer.append(
                [
                    ValidationEvent(event_id=f"{act}.{number}", time=time, person=who, action="undo", undoes=event.event_id)
                    for number, event in enumerate(undone, 1)
                ]
            )  # fmt: skip
            return undone

    def draw_audit(self, n: int, seed: int, person: str, design: audits_.Design = "stratified") -> Audit:
        """Ask for `n` images, chosen at random, to be checked; see `tidelab.runs.validation.audits.draw`.

        The same number, seed and design give the audit that there is already.
        """
        who = _person(person)
        with self._log.writing() as writer:
            known = audits_.read_audits(self.folder.path)
            time = _time_after(word.time for word in writer.replay.words().values())
            audit = audits_.draw(self.predicted, n, seed, who, design, time)
            for one in known:
                if (one.seed, one.design, one.image_ids) == (audit.seed, audit.design, audit.image_ids):
                    return one
            self._keep_audits([*known, audit])
        return audit

    def events(self) -> list[ValidationEvent]:
        """Return all acts in the order of the log, undone ones and undos included."""
        return list(self._log.read().events)

    def words(self) -> dict[str, ValidationEvent]:
        """Return image_id -> the act whose word on it is in force."""
        return self._log.read().words()

    def audits(self) -> list[Audit]:
        """Return the audits, oldest first; the file is read again only when it was replaced."""
        try:
            status = (self.folder.path / audits_.FILE_NAME).stat()
        except FileNotFoundError:
            return []
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._audits is None or self._audits[0] != version:
            self._audits = (version, audits_.read_audits(self.folder.path))
        return list(self._audits[1])

    def checked(self, audit: Audit) -> dict[str, str]:
        """Return image_id -> name (empty: unknown) of the audit's images that a person looked at since it was drawn."""
        words = self.words()
        looked = ((image_id, words.get(image_id)) for image_id in audit.image_ids)
        return {image_id: word.label for image_id, word in looked if word and is_checked(audit, word)}

    def summary(self) -> ValidationSummary:
        """Return how much is validated, by whom and when."""
        replay = self._log.read()
        return summarise(self.folder.results(), replay, self.audits(), self._log.skipped)

    def adopt(self, events: Sequence[ValidationEvent], audits: Sequence[Audit]) -> None:
        """Take over what was said in earlier runs of the same images; their persons and times stay."""
        if not events and not audits:
            return
        with self._log.writing() as writer:
            if audits:
                self._keep_audits([*audits_.read_audits(self.folder.path), *audits])
            writer.append(events)

    @property
    def position(self) -> int:
        """Grows whenever somebody adds to the log."""
        self._log.read()
        return self._log.position

    def _say(
        self, give: Callable[[Replay], dict[str, str]], person: str, audit: str | None
    ) -> list[ValidationEvent]:
        who = _person(person)
        with self._log.writing() as writer:
            names = give(writer.replay)
            asked = self._asked_by(names, audit)
            act, time = new_act()
            groups: dict[tuple[str, str], list[str]] = {}
            for image_id, name in names.items():
                groups.setdefault((name, asked.get(image_id, "")), []).append(image_id)
            events = [
                ValidationEvent(
                    event_id=f"{act}.{number}", time=time, person=who, action="validate" if name else "unknown",
                    image_ids=tuple(ids), label=name, audit=audit_id,
                )
                for number, ((name, audit_id), ids) in enumerate(groups.items(), 1)
            ]  # fmt: skip
            writer.append(events)
        return events

    def _asked_by(self, image_ids: Iterable[str], audit: str | None) -> dict[str, str]:
        known = self.audits()
        if audit is None:
            # The newest comes last and wins.
            return {image_id: one.audit_id for one in known for image_id in one.image_ids}
        for one in known:
            if one.audit_id == audit:
                return dict.fromkeys(set(one.image_ids) & set(image_ids), audit)
        raise RunError(f"There is no audit {audit!r} in run {self.folder.run_id}.")

    def _in_force(self, replay: Replay, image_id: str) -> str:
        word = replay.word(image_id)
        return self.predicted[image_id] if word is None else word.label

    def _known(self, image_ids: Iterable[str]) -> list[str]:
        ids = list(dict.fromkeys([image_ids] if isinstance(image_ids, str) else image_ids))
        if not ids:
            raise RunError("No image was chosen, so there is nothing to say about any.")
        strange = [image_id for image_id in ids if image_id not in self.predicted]
        if strange:
            raise RunError(
                f"{len(strange)} of {len(ids)} images are not of run {self.folder.run_id}, first {str(strange[0])[:80]!r}. "
                "Expected image_ids of its results."
            )
        return ids

    def _label(self, label: str) -> str:
        for name in (label, spreadsheet_safe(label)):
            if name in self.labels:
                return name
        near = difflib.get_close_matches(label, self.labels, 3)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"the classes are {', '.join(self.labels[:30])}."
        )
        raise RunError(
            f"{label[:80]!r} is no class of this run: the model does not know it and the use case does not declare it; {hint}"
        )

    def _keep_audits(self, audits: Sequence[Audit]) -> None:
        try:
            audits_.write_audits(self.folder.path, audits)
        except OSError as error:
            raise RunError(words_of(error)) from None


def _person(person: str) -> str:
    if not person or len(person) > _MAX_PERSON or not person.isprintable():
        raise RunError(
            f"The person's name must be printable, not empty and at most {_MAX_PERSON} characters long."
        )
    return person


def _time_after(times: Iterable[datetime.datetime]) -> datetime.datetime:
    """Return a time later than these: what was said in the millisecond of the draw was said before it, and does not answer it."""
    latest = max(times, default=None)
    _, time = new_act()
    # Waited for rather than invented, so that the next word is not older than the draw; where clocks differ by more, nothing helps.
    while latest and datetime.timedelta(0) <= latest - time < _ONE_MOMENT:
        sleep(0.0005)
        _, time = new_act()
    return time


def new_act() -> tuple[str, datetime.datetime]:
    """Return a name for an act, and its time to the millisecond."""
    now = datetime.datetime.now(datetime.UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return f"{now.strftime('%Y%m%dT%H%M%S%f')[:-3]}Z-{secrets.token_hex(4)}", now
