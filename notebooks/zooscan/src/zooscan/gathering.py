"""Objects of the scans that are wanted, at most as many as one analysis takes; what became of every other scan is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tidelab.runs.failures import FailedFile
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collection import Collection, SampleFacts
from tidelab.runs.inputs.source import Source
from tidelab.runs.names import display_name
from zooscan import kept, store
from zooscan.chosen import PARAMETER, TITLE
from zooscan.header import sample_facts
from zooscan.legacy_text import TextError, read_text
from zooscan.objects import ScanError
from zooscan.project import Project, Scan
from zooscan.settings import ProcessSettings, SettingsError
from zooscan.sources import ObjectSource
from zooscan.store import Store, StoreError

_FULL_DISK: Final = (28, 122)
_MOST_SHOWN: Final = 50
LEFT_OUT: Final = f"It was not chosen ({TITLE})."


def failed(name: str, reason: str, expected: str, next_step: str) -> FailedFile:
    """Return a row of the failed files."""
    return FailedFile(display_name(name), "zooscan", display_name(reason), expected, next_step)


@dataclass
class Gathering:
    """What is taken of the scans of an input.

    Parameters
    ----------
    found, context
        Of the run.
    wanted
        Names of the scans that are wanted; None: all.
    left
        Objects that may still be taken.
    states
        Scan -> what became of it, filled here (`zooscan.reader.STATES_FILE`).
    waiting
        Scans that the limit left out.
    passed_over
        Names of scans that were chosen and that ZooProcess has processed already.
    """

    found: Collection
    context: ReaderContext
    wanted: frozenset[str] | None
    left: int
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: list[Scan] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def objects(self, project: Project) -> Iterator[Source]:
        """Yield the objects of a project's scans."""
        facts: dict[str, SampleFacts] = {}
        taken = [place for place, one in enumerate(project.scans) if self._is_processed(one)]
        # Of a project of which nothing is wanted a damaged configuration costs nothing.
        settings = self._settings(project) if taken else None
        for place in taken:
            one = project.scans[place]
            if settings is None:
                words = "The configuration of the project cannot be used."
                self.states[one.scan_id] |= {"status": "incomplete", "reasons": [words]}
                continue
            if self.waiting:
                self.waiting.append(one)
                continue
            opened = self._opened(one, settings, place, len(project.scans))
            if opened is not None:
                self._remember_sample(one, facts)
                yield from self._sources(one, opened)
        self.found.facts += facts.values()

    def _is_processed(self, one: Scan) -> bool:
        """Return whether a scan is to be processed; its state is noted, and told where it cannot be."""
        state = self.states[one.scan_id] = {
            "sample_id": one.header.sample_id,
            "status": one.status,
            "reasons": list(one.reasons),
            "objects": 0,
        }
        if self.wanted is not None and one.scan_id not in self.wanted:
            state |= {"status": "left out", "reasons": [LEFT_OUT]}
            return False
        every = self.context.parameters.get("scans", "new") == "all"
        again = one.status == "done" and every
        if one.status == "incomplete" or (again and (one.blanks is None or one.size is None)):
            self.found.failures.append(_incomplete(one))
            return False
        if self.wanted is not None and one.status == "done" and not every:
            self.passed_over.append(one.scan_id)
        return one.status == "new" or again

    def _opened(self, one: Scan, settings: ProcessSettings, place: int, total: int) -> Store | None:
        """Return the objects of a scan; None where it cannot be processed or they are too many, which is told."""
        self.context.stop_if_cancelled()
        try:
            opened = kept.stored(one, settings, self.context, place, total)
        except (ScanError, StoreError, ValueError, OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno in _FULL_DISK:  # no scan's fault
                raise
            words = str(error) or type(error).__name__
            self.states[one.scan_id] |= {"status": "failed", "reasons": [words]}
            expected = "A raw scan of ZooScan with its two blanks."
            self.found.failures.append(
                failed(one.raw.name, words, expected, "Scan it again, or leave it out.")
            )
            return None
        if len(opened.scan.objects) > self.left:
            opened.discard()
            self.waiting.append(one)
            return None
        return opened

    def _sources(self, one: Scan, opened: Store) -> Iterator[Source]:
        number = len(opened.scan.objects)
        self.left -= number
        self.found.cleanups.append(opened.close)
        self.states[one.scan_id] |= {"status": "processed", "reasons": [], "objects": number}
        for source in (ObjectSource(opened, each.number) for each in opened.scan.objects):
            self.found.sample_of[source.name] = display_name(one.header.sample_id)
            self.found.object_of[source.name] = store.object_id(one.scan_id, source.number)
            yield source

    def tell_passed_over(self) -> None:
        """Say which scans were chosen and are not analysed because ZooProcess has processed them."""
        if not self.passed_over:
            return
        shown = ", ".join(display_name(name) for name in self.passed_over[:_MOST_SHOWN])
        more = len(self.passed_over) - _MOST_SHOWN
        names = f"{shown} and {more} more" if more > 0 else shown
        one = len(self.passed_over) == 1
        words = (
            "was chosen and is already processed by ZooProcess, so it is not analysed"
            if one
            else "were chosen and are already processed by ZooProcess, so they are not analysed"
        )
        self.found.notes.append(f"{names} {words}; choose 'all' under *New or all* to do so.")

    def tell_waiting(self) -> None:
        """Say which scans the largest number of objects left out, and how they are chosen next."""
        if not self.waiting:
            return
        most = f"One analysis takes at most {self.context.limits.images:,} objects"
        names = [one.scan_id for one in self.waiting]
        shown = ", ".join(display_name(name) for name in names[:_MOST_SHOWN])
        next_step = f"Analyse them next: write their names into '{TITLE}' ({PARAMETER})."
        for one in self.waiting:
            words = f"{most}; this scan remains for another one."
            self.states[one.scan_id] |= {"status": "remains", "reasons": [words]}
            expected = f"Scans of together up to {self.context.limits.images:,} objects."
            self.found.failures.append(failed(one.raw.name, words, expected, next_step))
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        self.found.notes.append(
            f"{most}: {len(names)} scans remain for another one. {next_step} They are: {shown}{more}."
        )

    def _settings(self, project: Project) -> ProcessSettings | None:
        if project.config is None or project.lut is None:
            return None
        try:
            return ProcessSettings.from_config(read_text(project.config), read_text(project.lut))
        except (SettingsError, TextError) as error:
            words = f"The configuration of {project.root.name} cannot be used: {error}"
            expected = "The configuration as ZooProcess writes it."
            self.found.failures.append(
                failed(project.config.name, words, expected, "Correct it and run again.")
            )
            return None

    def _remember_sample(self, one: Scan, facts: dict[str, SampleFacts]) -> None:
        sample_id = display_name(one.header.sample_id)
        if sample_id in facts:
            return
        values, faults = sample_facts(one.header)
        for fault in faults:
            expected = "A header as ZooProcess writes it."
            self.found.failures.append(
                failed(fault.file, str(fault), expected, "Correct the header and run again.")
            )
        facts[sample_id] = SampleFacts(sample_id, values)


def nothing_new(states: Mapping[str, Mapping[str, Any]]) -> str:
    """Return why there is nothing to analyse."""
    done = [name for name, state in states.items() if state["status"] == "done"]
    left_out = sum(state["status"] == "left out" for state in states.values())
    apart = f" ({left_out} others were not chosen)" if left_out else ""
    if done:
        return (
            f"There is nothing new: {len(done)} scans were processed by ZooProcess{apart}. "
            "Choose 'all' to process them again."
        )
    return (
        f"There is nothing to analyse: the scans hold no objects{apart}. Look at the project in ZooProcess."
    )


def _incomplete(one: Scan) -> FailedFile:
    expected = "A raw scan with its log and two blanks taken before it."
    return failed(one.raw.name, " ".join(one.reasons), expected, "Complete the project and run again.")
