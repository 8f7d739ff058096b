"""Everything a run's estimates depend on, read once."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ValidationError

from tidelab.catalogue.estimation import Estimation
from tidelab.domain.card import ModelCard
from tidelab.domain.determination import Audit
from tidelab.domain.sample import Sample
from tidelab.domain.verdict import Verdict
from tidelab.models.bundle import CARD, HELD_OUT, MODEL
from tidelab.models.heldout import HeldOut, HeldOutError
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder
from tidelab.runs.meaning import Meanings, label_meaning, use_case_of
from tidelab.runs.names import spreadsheet_safe
from tidelab.runs.not_counted import lost_particles, lost_words
from tidelab.runs.request import ModelChoice
from tidelab.runs.validation.audits import read_audits

_MAX_CARD_BYTES: Final = 2 * 2**20

Rows = npt.NDArray[np.bool_]


class NoCorrection(Exception):
    """Why the model's errors cannot be corrected, in words."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """A run as the estimates see it.

    Parameters
    ----------
    run
        Its folder.
    table
        Names in force, one row an image (`tidelab.domain.determination.DETERMINATION_COLUMNS`).
    settings
        Section `estimation` of the declaration.
    meanings
        What the classes mean.
    samples
        By sample id.
    audits
        Oldest first.
    problems
        What could not be read, in words.
    lost
        Sample -> particles that are not in its counts.
    """

    run: RunFolder
    table: pd.DataFrame
    settings: Estimation
    meanings: Meanings
    samples: Mapping[str, Sample]
    audits: tuple[Audit, ...]
    problems: tuple[str, ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, run: RunFolder) -> "Evidence":
        """Read a run; raises `RunError` when it has no results or its validations cannot be read."""
        use_case = use_case_of(run)
        samples: Mapping[str, Sample] = {}
        problems: tuple[str, ...] = ()
        try:
            samples = run.sample_records()
        except RunError as error:
            problems = (f"No concentrations, because nothing is known of the samples: {error}",)
        return cls(
            run=run,
            table=run.determinations(),
            settings=use_case.estimation if use_case else Estimation(),
            meanings=label_meaning(run),
            samples=samples,
            problems=problems,
            lost=lost_particles(run),
            audits=tuple(read_audits(run.path)),
        )

    @property
    def model(self) -> ModelChoice:
        """The model that named the images."""
        return self.run.request.model

    @cached_property
    def looked_at(self) -> Rows:
        """Whether a person looked at an image, shape ``(n,)``."""
        return (self.table["status"] != "predicted").to_numpy()

    @cached_property
    def verdict(self) -> Verdict | None:
        """The drift verdict; None where it cannot be read."""
        try:
            return self.run.verdict()
        except RunError:
            return None

    @cached_property
    def card(self) -> ModelCard:
        """The card of the very model that made the run; raises `NoCorrection`."""
        path = Path(self.model.folder) / CARD
        try:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_CARD_BYTES + 1)
            card = ModelCard.model_validate_json(raw)
            onnx = bytes.fromhex(card.files[MODEL])
        except (OSError, ValidationError, KeyError, ValueError):
            raise NoCorrection(
                "The model that named the images is no longer where it was, so what it confuses is not known."
            ) from None
        # As `ModelBundle.load` makes it, from the digest of the ONNX file that the card lists: the file itself is not needed here.
        if f"sha256:{hashlib.sha256(onnx + hashlib.sha256(raw).digest()).hexdigest()}" != self.model.digest:
            raise NoCorrection(
                "The model was exchanged since the run was made, and one model's errors must not be corrected with another's. "
                "Run the analysis again."
            )
        return card

    @cached_property
    def held_out(self) -> HeldOut:
        """The labelled images behind the correction; raises `NoCorrection`."""
        card = self.card
        if HELD_OUT not in card.files:
            raise NoCorrection(
                "The model came without the held-out labelled images that show what it confuses. Retrain it with this version, "
                "or check some images at random (audit)."
            )
        path = Path(self.model.folder) / HELD_OUT
        try:
            with path.open("rb") as stream:
                actual = hashlib.file_digest(stream, "sha256").hexdigest()
            if actual != card.files[HELD_OUT]:
                raise NoCorrection(
                    f"{HELD_OUT} of the model is not the file that was exported with it. Copy the model again."
                )
            found = HeldOut.load(path)
        except OSError as error:
            raise NoCorrection(
                f"{HELD_OUT} of the model cannot be read ({error.strerror}). Copy the model again."
            ) from None
        except HeldOutError as error:
            raise NoCorrection(str(error)) from None
        if found.n_classes != len(card.labels):
            raise NoCorrection(
                f"{HELD_OUT} of the model knows {found.n_classes} classes, its card {len(card.labels)}. Export the model again."
            )
        return found

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of the images, shape ``(n, k)``; raises `NoCorrection`."""
        if self.run.finds_objects:
            raise NoCorrection("A detector's run keeps scores of its pictures, not of its objects.")
        try:
            found = self.run.probabilities()
        except RunError:
            raise NoCorrection(
                "The run keeps no probabilities: it was made by an earlier version, or its file is damaged. Run the analysis again; "
                "images that were analysed before cost nothing."
            ) from None
        if found.shape != (len(self.table), len(self.card.labels)):
            raise NoCorrection(
                f"The run's probabilities have the shape {found.shape}, expected {(len(self.table), len(self.card.labels))}. "
                "Run the analysis again."
            )
        return found.astype(np.float64)

    @cached_property
    def distances(self) -> npt.NDArray[np.float32]:
        """Distance of each image from the training classes; raises `NoCorrection`."""
        try:
            embeddings = self.run.embeddings()
            if len(embeddings) != len(self.table):
                raise ValueError(f"{len(embeddings)} embeddings for {len(self.table)} images")
            return self.held_out.distance(embeddings)
        except (RunError, ValueError) as error:
            raise NoCorrection(
                f"How far the images lie from the training classes cannot be measured ({error}). Run the analysis again."
            ) from None

    @cached_property
    def model_labels(self) -> tuple[str, ...]:
        """The model's classes in the card's order, as the tables write them."""
        return tuple(spreadsheet_safe(label) for label in self.card.labels)

    def water_ml(self, sample_id: str) -> float | None:
        """Volume of sea water behind a sample, or behind the whole run (empty), mL; None unless it is known of every sample."""
        wanted = [sample_id] if sample_id else self._samples_of_the_run()
        volumes = [self.samples[one].water_ml if one in self.samples else None for one in wanted]
        known = [one for one in volumes if one is not None]
        return float(sum(known)) if known and len(known) == len(volumes) else None

    def _samples_of_the_run(self) -> list[str]:
        """Return the samples with images, and those in which nothing was found: their water was looked at too."""
        empty = [name for name in self.samples if name not in self.lost]
        return list(dict.fromkeys([*self.table["sample_id"].unique(), *empty]))

    def too_low(self) -> Iterator[str]:
        """Yield a sentence for each sample whose concentrations miss particles that could not be used."""
        counted = self.table["sample_id"].value_counts()
        for name, lost in self.lost.items():
            if name in counted and self.water_ml(name) is not None:
                yield f"Sample {name or 'without a name'}: {lost_words(lost, int(counted[name]))}."
