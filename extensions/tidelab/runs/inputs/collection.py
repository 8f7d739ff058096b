"""What an input consists of, once its files are listed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidelab.runs.archive import Archive
from tidelab.runs.failures import FailedFile
from tidelab.runs.inputs.source import Source


@dataclass(frozen=True)
class SampleFacts:
    """What the files of an input say of one sample.

    Parameters
    ----------
    sample_id
        Of the sample.
    values
        Fields of `tidelab.domain.sample.Sample`.
    files
        The files that say it.
    notes
        What they do not say, a sentence each.
    lost
        Particles that they list and the input does not hold, or whose line cannot be read.
    """

    sample_id: str
    values: Mapping[str, object]
    files: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    lost: int = 0


@dataclass
class Collection:
    """The files of one input.

    Parameters
    ----------
    label
        Name of the input as a person would say it: of the folder or zip; empty for single files.
    sources
        Files that may be images, in the order of the results.
    failures
        Files that need not be opened to know that they cannot be used.
    side_files
        Instrument exports that belong to no image.
    samples_table
        ``samples.csv`` at the top of the input.
    notes
        Sentences for the log.
    ignored
        Hidden and system files that were passed over.
    archives
        Open zip files.
    facts
        What the input itself says of its samples.
    sample_of
        Sample of an image by its display name, where the input names it and the folder does not.
    object_of
        Object of an image by its display name, as an EcoTaxa table of the input calls it.
    cleanups
        Called when the collection is closed.
    """

    label: str
    sources: list[Source] = field(default_factory=list)
    failures: list[FailedFile] = field(default_factory=list)
    side_files: list[Source] = field(default_factory=list)
    samples_table: Source | None = None
    notes: list[str] = field(default_factory=list)
    ignored: int = 0
    archives: list[Archive] = field(default_factory=list)
    facts: list[SampleFacts] = field(default_factory=list)
    sample_of: dict[str, str] = field(default_factory=dict)
    object_of: dict[str, str] = field(default_factory=dict)
    cleanups: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """Close the zip files, and what a reader left open."""
        for archive in self.archives:
            archive.close()
        for clean in self.cleanups:
            clean()
