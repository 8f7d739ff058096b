"""Counts from a random audit that a person has answered in full."""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.domain.determination import Audit
from tidelab.domain.estimate import EstimateMethod
from tidelab.runs.estimates import words
from tidelab.runs.estimates.evidence import Evidence, NoCorrection, Rows
from tidelab.runs.validation import Validation
from tidelab.science.audit_estimators import Totals, prediction_powered, stratified_totals


def complete_audit(evidence: Evidence) -> Audit | None:
    """Return the answered audit with the most images, the newest of equals; None when there is none large enough."""
    validation = Validation(evidence.run)
    answered = [
        (len(audit.image_ids), audit.time, audit)
        for audit in evidence.audits
        if len(audit.image_ids) >= evidence.settings.minimum_audit
        and len(validation.checked(audit)) == len(audit.image_ids)
    ]
    return max(answered, key=lambda one: one[:2])[2] if answered else None


def unfinished(evidence: Evidence) -> list[str]:
    """Return what to say of audits that are not answered in full, or too small to count on."""
    validation = Validation(evidence.run)
    said = []
    for audit in evidence.audits:
        asked, done = len(audit.image_ids), len(validation.checked(audit))
        if done < asked:
            said.append(
                f"Audit {audit.audit_id}: {done} of {words.images(asked)} checked; it counts when all are."
            )
        elif asked < evidence.settings.minimum_audit:
            said.append(
                f"Audit {audit.audit_id} has {words.images(asked)}; an estimate needs at least {evidence.settings.minimum_audit}."
            )
    return said


@dataclass(frozen=True, eq=False)
class ByAudit:
    """The estimate from one audit. Identical copies of an image count each, and were checked together.

    Parameters
    ----------
    evidence
        Of the run.
    audit
        Answered in full.
    labels
        Classes of the estimate; the empty one stands for images that a person could not name.
    """

    evidence: Evidence
    audit: Audit
    labels: tuple[str, ...]

    @property
    def drawn(self) -> Rows:
        """Whether an image is one of the audit's."""
        return self.evidence.table["image_id"].isin(self.audit.image_ids).to_numpy()

    @property
    def method(self) -> EstimateMethod:
        """The estimator: prediction-powered where the sample is simple and the model's probabilities are there."""
        return (
            "audit-ppi"
            if self.audit.design == "simple" and self._predicted is not None
            else "audit-stratified"
        )

    @property
    def _predicted(self) -> npt.NDArray[np.float64] | None:
        """The model's probabilities in the order of `labels`; None where the run keeps none."""
        try:
            found = self.evidence.probabilities
        except NoCorrection:
            return None
        result = np.zeros((len(found), len(self.labels)))
        for column, label in enumerate(self.evidence.model_labels):
            result[:, self.labels.index(label)] += found[:, column]
        return result

    def totals(self, rows: Rows, sample_id: str) -> Totals:
        """Return the counts among the images at `rows`; raises `NoCorrection` when too few of them were checked."""
        checked, settings = self.drawn & rows, self.evidence.settings
        if checked.sum() < settings.minimum_audit:
            raise NoCorrection(
                f"The audit has {words.images(int(checked.sum()))} of this sample; an estimate needs at least {settings.minimum_audit}."
            )
        rng = np.random.default_rng([settings.seed, 2, zlib.crc32(sample_id.encode())])
        names = self.evidence.table["label"].to_numpy()
        truth = np.array([self.labels.index(name) for name in names])
        predicted = self._predicted
        if self.method == "audit-ppi" and predicted is not None:
            one_hot = np.eye(len(self.labels))[truth[checked]]
            return prediction_powered(
                one_hot, predicted[checked], predicted[rows], draws=settings.replicates, rng=rng
            )
        return self._stratified(rows, checked, truth, predicted, rng)

    def _stratified(
        self,
        rows: Rows,
        checked: Rows,
        truth: npt.NDArray[np.int64],
        predicted: npt.NDArray[np.float64] | None,
        rng: np.random.Generator,
    ) -> Totals:
        strata = self.evidence.table["predicted_label"].to_numpy()
        k = len(self.labels)
        seen, sizes, beliefs = [], [], []
        for name in sorted(set(strata[rows])):
            inside = rows & (strata == name)
            # What a person looked at of their own accord was chosen by eye, and stands for nothing else; unless it is all there is.
            known = inside if self.evidence.looked_at[inside].all() else inside & checked
            seen.append(np.bincount(truth[known], minlength=k))
            sizes.append(inside.sum())
            beliefs.append(self._belief(strata == name, truth, predicted, inside))
        return stratified_totals(
            np.stack(seen),
            np.array(sizes),
            np.stack(beliefs),
            draws=self.evidence.settings.replicates,
            rng=rng,
        )

    def _belief(
        self,
        stratum: Rows,
        truth: npt.NDArray[np.int64],
        predicted: npt.NDArray[np.float64] | None,
        inside: Rows,
    ) -> npt.NDArray[np.float64]:
        """Return what is thought of a stratum before its checked images speak: the model's probabilities, else the whole run's audit."""
        if predicted is not None:
            return np.asarray(predicted[inside].mean(axis=0), np.float64)
        counts = np.bincount(truth[stratum & self.drawn], minlength=len(self.labels)) + 1 / len(self.labels)
        return np.asarray(counts / counts.sum(), np.float64)

    def method_words(self) -> str:
        """Return how it was computed, with citations."""
        text = words.POWERED if self.method == "audit-ppi" else words.STRATIFIED
        return text.format(
            audit=self.audit.audit_id,
            checked=f"{int(self.drawn.sum()):,}",
            images=f"{len(self.evidence.table):,}",
            seed=self.audit.seed,
        )
