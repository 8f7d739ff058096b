"""Two models on the same test images, and whether one is recommended as champion."""

from typing import Final

from markupsafe import Markup

from tidelab.domain.decision import Decision, GroupDecision
from tidelab.models import ResolvedModel
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.views._retraining_parts import figure, figure_or_na
from tidelab.training import plots
from tidelab.training.comparing import Comparison
from tidelab.training.evaluation import LEAST_IMAGES

STATES: Final = {
    "kept": "kept: a greater loss is excluded",
    "worse": "worse",
    "open": "open: these images cannot tell",
    "not testable": "not testable: too few images, or all of one sample",
}


def comparison(found: Comparison, champion: ResolvedModel | None = None) -> Displayable:
    """Return the paired comparison of two models in words and as a figure."""
    sentences = found.sentences
    body = Markup("<p><b>{}</b></p><p>{}</p>").format(*sentences[:2])
    body += figure(plots.comparison(found), sentences[0])
    cautions = sentences[2:]
    if champion is not None:
        cautions.append(champion.words)
    for caution in cautions:
        body += note(caution, "warn")
    return section(body, "\n".join([*sentences[:2], *cautions]), "tl-retrain-comparison")


def decision(found: Decision, compared: Comparison | None = None) -> Displayable:
    """Return whether a model is recommended as champion, with the reasons, the comparison class by class, and what limits it.

    Parameters
    ----------
    found
        From `steps.compare_with_champion`.
    compared
        The comparison itself, for its figure; None where there was nothing to compare.
    """
    verdict = (
        "Recommended as champion. A maintainer decides."
        if found.recommended
        else "Not recommended as champion. You may ask all the same; a maintainer decides and reads the reasons."
    )
    body = Markup("<p><b>{}</b></p><ul>{}</ul>").format(
        verdict, Markup("").join(Markup("<li>{}</li>").format(one) for one in found.reasons)
    )
    if compared is not None:
        body += figure(plots.comparison(compared), "F1 of each class for both models")
    if found.groups:
        body += table(
            ["Class or site", "Measure", "This model", "Champion", "Difference", "95 % interval", "Test images", ""],
            [row for one in found.groups for row in _group_rows(one)], numeric=(2, 3, 4, 5, 6),
            caption=f"Accepted loss: {100 * found.margin:.0f} points",
        )  # fmt: skip
    limits = [*found.cautions, *([found.champion_words] if found.champion_words else [])]
    if found.look > 1:
        limits.append(f"This was look number {found.look} at these test images.")
    for words in limits:
        body += note(words, "warn")
    lines = [verdict, *found.reasons, *(f"{one.name}: {STATES[one.state]}" for one in found.groups), *limits]
    return section(body, "\n".join(lines), "tl-retrain-decision")


def _group_rows(one: GroupDecision) -> list[tuple[str, ...]]:
    state = "collapsed: no longer found" if one.collapsed else STATES[one.state]
    rows: list[tuple[str, ...]] = []
    for position, measured in enumerate(one.measures):
        first = position == 0
        figures = (
            (f"{measured.challenger:.2f}", f"{measured.champion:.2f}", f"{measured.difference:+.2f}", f"{measured.low:+.2f} to {measured.high:+.2f}")
            if one.n_images >= LEAST_IMAGES
            else (figure_or_na(0.0, one.n_images), "n/a", "n/a", "n/a")
        )  # fmt: skip
        name = one.name if one.kind == "class" else f"site {one.name}"
        rows.append(
            (
                name if first else "",
                measured.measure,
                *figures,
                numbers.count(one.n_images) if first else "",
                state if first else "",
            )
        )
    return rows
