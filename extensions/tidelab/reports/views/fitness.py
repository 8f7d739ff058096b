"""What stands behind a verdict: looks, class shares, the images themselves, and how it went over time."""

import base64
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from tidelab.domain.verdict import ShareChange, Verdict
from tidelab.drift import DriftSettings, Reference, ReferenceFileError, Timeline, alarm
from tidelab.drift.words import STATE_WORDS
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.reports.source import reference_thumbnails, shown_thumbnail, use_case_of
from tidelab.reports.views import _fitness_plots as plots
from tidelab.runs import RunError, RunFolder

_MOST_CLASSES: Final = 25


def image_statistics(run: RunFolder) -> Displayable:
    """Return how the images look beside the known ones: a histogram and a row for each image statistic."""
    said = run.verdict()
    if not said.statistic_tests:
        return _nothing(said, "The looks of the images were not compared.")
    names = {test.name: test for test in said.statistic_tests}
    rows = [
        (
            test.title,
            f"{test.reference_median:.3g}",
            f"{test.median:.3g}",
            f"{test.statistic:.2f}",
            "–" if test.matched is None else f"{test.matched:.2f}",
            "–" if test.shift is None else f"{test.shift:+.1f}",
            "–" if test.known_p_value is None else f"{test.known_p_value:.2g}",
            "yes" if test.differs else "no",
        )
        for test in said.statistic_tests
    ]
    differing = [test.title for test in said.statistic_tests if test.differs]
    words = (
        "Different: " + ", ".join(differing)
        if differing
        else "No difference was seen in how the images look."
    )
    body = Markup("")
    try:
        reference = Reference.load(Path(run.request.model.folder))
        body += _plot(
            plots.histograms(run.statistics(), reference, list(names.values())), f"Histograms. {words}"
        )
    except (ReferenceFileError, RunError):
        body += note(
            "The model is no longer where the run found it, so the histograms cannot be drawn.", "warn"
        )
    headers = [
        "Statistic",
        "Known images, median",
        "Yours, median",
        "Distance (0–1)",
        "At equal class shares",
        "Shift (1: as normal samples differ)",
        "Normal samples as far off",
        "Different?",
    ]
    return section(body + table(headers, rows, numeric=(1, 2, 3, 4, 5, 6)), words, "tl-fitness-looks")


def class_shares(run: RunFolder) -> Displayable:
    """Return the shares of the classes here and among the known images."""
    said = run.verdict()
    if not said.share_changes or said.share_distance is None:
        return _nothing(said, "The mix of classes was not compared.")
    shown = said.share_changes[:_MOST_CLASSES]
    words = ", ".join(
        f"{one.label} {one.share:.0%} (known images {one.reference_share:.0%})" for one in shown
    )
    rows = [(one.label, f"{one.share:.1%}", f"{one.reference_share:.1%}", _points(one)) for one in shown]
    body = _plot(plots.shares(shown), f"Class shares: {words}")
    body += table(["Class", "Yours", "Known images", "Change, points"], rows, numeric=(1, 2, 3))
    chance = (
        ""
        if said.share_p_value is None
        else f" Mixed at random, sets of this size differ as much in {said.share_p_value:.1%} of cases."
    )
    body += note(
        f"{said.share_distance:.0%} of the images would have to change class to make both mixes equal.{chance}"
    )
    if len(said.share_changes) > len(shown):
        rest = numbers.plural(
            len(said.share_changes) - len(shown),
            "class with a smaller change",
            "classes with smaller changes",
        )
        body += note(f"{rest} not shown.")
    return section(body, words, "tl-fitness-shares")


def drifted_images(run: RunFolder) -> Displayable:
    """Return the images that look least like the known ones, each beside its nearest known one."""
    said = run.verdict()
    if not said.drifted:
        return _nothing(said, "No image was compared with the known ones.")
    nearest = reference_thumbnails(run, [image.nearest for image in said.drifted])
    limit = said.unlike_distance
    pairs = Markup("").join(
        Markup(
            '<div class="tl-pair"><figure>{}<figcaption title="{}">{}</figcaption></figure>'
            "<figure>{}<figcaption>{}</figcaption></figure></div>"
        ).format(
            picture(shown_thumbnail(run, image.image_id), f"Your image {image.image}"),
            image.image,
            image.image,
            picture(nearest.get(image.nearest, b""), "The nearest known image"),
            f"distance {_times(image.distance, limit)}",
        )
        for image in said.drifted
    )
    words = "\n".join(f"{image.image}: distance {_times(image.distance, limit)}" for image in said.drifted)
    explained = (
        note("A distance of 1.0 is the limit: an image further away counts as unlike the known ones.")
        if limit
        else Markup("")
    )
    return section(
        Markup('<div class="tl-pairs">{}</div>').format(pairs) + explained, words, "tl-fitness-images"
    )


def timeline(run: RunFolder) -> Displayable:
    """Return the verdicts of this person's runs with the same model, over time, and the chart that raises an alarm."""
    request = run.request
    history = Timeline(run.runs_root)
    frame = history.read(request.use_case, model_digest=request.model.digest)
    everything = history.read(request.use_case, model_digest=request.model.digest, flagged=True)
    flagged = len(everything) - len(frame)
    left_out = (
        f"{numbers.plural(flagged, 'run')} of a demonstration model, of sample images or of a test left out."
        if flagged
        else ""
    )
    if frame.empty:
        words = f"There is no verdict on images of your own with this model yet. {left_out}".strip()
        return section(note(words), words)
    use_case = use_case_of(run)
    settings = use_case.drift if use_case else DriftSettings()
    rows = [_row(record) for record in reversed(frame.to_dict("records"))]
    words = "\n".join(
        f"{when}: {state} ({n} images, {share} unlike the known ones)"
        for when, state, n, share, _place, _score in rows
    )
    charts = list(alarm.charts(frame, settings))
    told = [alarm.in_words(chart, settings) for chart in charts]
    body = Markup("").join(
        note(text, "warn" if chart.alarm else "info") for chart, text in zip(charts, told, strict=True)
    )
    body += _plot(plots.timeline(frame, settings), f"Verdicts over time. {words}")
    if charts:
        body += _plot(plots.cusum(charts), f"Cumulative sums. {' '.join(told)}")
    else:
        told = [
            "No run has a score yet (every verdict was grey or of an older version), so there is no chart."
        ]
        body += note(told[0])
    headers = ["When", "Verdict", "Images", "Unlike the known ones", "Site, camera, instrument", "Score"]
    body += table(headers, rows, numeric=(2, 3, 5))
    notes = [left_out] if left_out else []
    if frame.attrs["unreadable"]:
        notes.append(
            f"{numbers.plural(frame.attrs['unreadable'], 'line')} of the timeline could not be read and left out."
        )
    body += Markup("").join(note(text) for text in notes)
    return section(body, "\n".join([*told, words]), "tl-fitness-timeline")


def _nothing(said: Verdict, start: str) -> Displayable:
    words = " ".join([start, *said.reasons[:1]])
    return section(note(words), words)


def _plot(png: bytes, alt: str) -> Markup:
    encoded = base64.b64encode(png).decode("ascii")
    return Markup('<img class="tl-plot" alt="{}" src="data:image/png;base64,{}">').format(alt, encoded)


def _points(one: ShareChange) -> str:
    return f"{100 * (one.share - one.reference_share):+.1f}"


def _times(distance: float, limit: float | None) -> str:
    return f"{distance / limit:.1f}" if limit else f"{distance:.3g}"


def _row(record: Mapping[Hashable, Any]) -> tuple[str, str, str, str, str, str]:
    share, score = record["unlike_share"], record["score"]
    return (
        f"{record['time']:%Y-%m-%d %H:%M} UTC",
        STATE_WORDS[record["state"]],
        numbers.count(record["n_images"]),
        "–" if pd.isna(share) else f"{share:.1%}",
        ", ".join(str(record[name]) for name in alarm.PLACE if record[name]) or "–",
        "–" if pd.isna(score) else f"{score:.1f}",
    )
