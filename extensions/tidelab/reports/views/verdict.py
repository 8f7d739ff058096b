"""The verdict: whether the model is fit for these images. It stands above every number."""

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from tidelab.domain.verdict import Verdict, VerdictState
from tidelab.drift.words import STATE_WORDS
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, picture, section, table
from tidelab.reports.source import reference_thumbnails, shown_thumbnail
from tidelab.runs import RunFolder

_SHOWN_PAIRS: Final = 12

# A shape and a word for each state: about one man in twelve cannot tell red from green.
_SHAPES: Final[dict[VerdictState, str]] = {
    "green": '<circle cx="12" cy="12" r="11"/><path d="M6.5 12.5l3.6 3.6 7.4-7.8" fill="none" stroke="#fff" stroke-width="2.4"/>',
    "amber": '<path d="M12 1.5 23.3 22H.7z"/><path d="M12 8.5v6.5m0 2.2v2.2" stroke="#fff" stroke-width="2.4"/>',
    "red": '<path d="M7.4 1h9.2L23 7.4v9.2L16.6 23H7.4L1 16.6V7.4z"/><path d="M7.5 7.5l9 9m0-9l-9 9" stroke="#fff" stroke-width="2.4"/>',
    "grey": '<rect x="1.5" y="1.5" width="21" height="21" rx="3"/><text x="12" y="17.6" font-size="15.5" font-weight="700" '
    'text-anchor="middle" fill="#fff">?</text>',
}


def verdict(run: RunFolder) -> Displayable:
    """Return the banner: shape, word, sentence and reasons; the images that caused it can be unfolded."""
    said = run.verdict()
    word = STATE_WORDS[said.state]
    top = banner(said.state, word, said.headline, said.reasons)
    effect = _effect(said)
    words = "\n".join([f"{word.upper()}: {said.headline}", *(f"- {reason}" for reason in said.reasons)])
    return section(top + effect + _images(run, said) + _samples(said) + _details(said), words, "tl-verdict")


def banner(state: VerdictState, word: str, headline: str, reasons: Sequence[str]) -> Markup:
    """Return a banner whose state is told by shape and word, with a sentence and its reasons."""
    icon = Markup('<svg viewBox="0 0 24 24" role="img" aria-label="{}">{}</svg>').format(
        word,
        Markup(_SHAPES[state]),  # noqa: S704 (a constant above)
    )
    listed = Markup("").join(Markup("<li>{}</li>").format(reason) for reason in reasons)
    return Markup(
        '<div class="tl-banner tl-{}" role="status">{}<div><span class="tl-word">{}</span><h2>{}</h2>{}</div></div>'
    ).format(state, icon, word, headline, Markup("<ul>{}</ul>").format(listed) if listed else Markup(""))


def _effect(said: Verdict) -> Markup:
    """Return a scale with the share of unlike images, its interval, and what normal samples show: lengths and words, no colour code."""
    if said.unlike_share is None or said.unlike_low is None or said.unlike_high is None:
        return Markup("")
    normal = said.known_high or 0.0
    end, step = _scale(max(said.unlike_high, normal))
    x = {
        name: 600 * value / end
        for name, value in (
            ("low", said.unlike_low),
            ("at", said.unlike_share),
            ("high", said.unlike_high),
            ("normal", normal),
        )
    }
    known = (
        ""
        if said.known_high is None
        else f"; 0 to {_percent(normal)} (grey bar) would be normal among {numbers.plural(said.known_samples, 'known sample')}"
    )
    told = (
        f"{_percent(said.unlike_share)} of the images are unlike the known ones (diamond; line: 95 % interval, "
        f"{_percent(said.unlike_low)} to {_percent(said.unlike_high)}){known}."
    )
    bar = (
        Markup('<rect x="0" y="9" width="{:.1f}" height="12" fill="#c3ccd1"/>').format(x["normal"])
        if said.known_high is not None
        else Markup("")
    )
    drawing = Markup(
        '<svg viewBox="-20 0 640 62" role="img" aria-label="{}" style="width:100%;max-width:640px;height:auto">'
        '<line x1="0" y1="24" x2="600" y2="24" stroke="#4d5d68"/>{}'
        '<line x1="{:.1f}" y1="15" x2="{:.1f}" y2="15" stroke="#13738c" stroke-width="2.5"/>'
        '<path d="M{:.1f} 8l7 7-7 7-7-7z" fill="#13738c"/>{}</svg>'
    ).format(told, bar, x["low"], x["high"], x["at"], _axis(end, step))
    return Markup('<div class="tl-effect">{}<p class="tl-note tl-note-info">{}</p></div>').format(
        drawing, told
    )


def _scale(largest: float) -> tuple[float, float]:
    """Return where a scale that holds a share ends, and its step: three to six round steps, at least up to 5 %.

    >>> _scale(0.0), _scale(0.074), _scale(0.97)
    ((0.05, 0.01), (0.08, 0.02), (1.0, 0.2))
    """
    for step in (0.01, 0.02, 0.05, 0.1):
        steps = max(5 if step == 0.01 else 1, math.ceil(largest / step - 1e-9))
        if steps <= 6:
            return step * steps, step
    return 1.0, 0.2


def _axis(end: float, step: float) -> Markup:
    ticks = Markup("").join(
        Markup(
            '<path d="M{:.1f} 24v5" stroke="#4d5d68"/><text x="{:.1f}" y="41" text-anchor="middle">{:.0f} %</text>'
        ).format(600 * k * step / end, 600 * k * step / end, 100 * k * step)
        for k in range(round(end / step) + 1)
    )
    return Markup(
        '<g font-size="12" fill="currentColor">{}<text x="300" y="57" text-anchor="middle">'
        "Images unlike the known ones</text></g>"
    ).format(ticks)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _samples(said: Verdict) -> Markup:
    if not said.samples:
        return Markup("")
    rows = [
        (
            one.sample_id,
            STATE_WORDS[one.state],
            numbers.count(one.n_images),
            "–" if one.unlike is None else f"{one.unlike} ({_percent(one.unlike / one.n_images)})",
            "–"
            if one.unlike_low is None or one.unlike_high is None
            else f"{_percent(one.unlike_low)} to {_percent(one.unlike_high)}",
            one.words,
        )
        for one in said.samples
    ]
    headers = ["Sample", "Verdict", "Images", "Unlike the known ones", "95 % interval", "What stands out"]
    return Markup("<details><summary>Each of the {}</summary>{}</details>").format(
        numbers.plural(len(rows), "sample"), table(headers, rows, numeric=(2, 3, 4))
    )


def _images(run: RunFolder, said: Verdict) -> Markup:
    if not said.drifted:
        return Markup("")
    shown = said.drifted[:_SHOWN_PAIRS]
    nearest = reference_thumbnails(run, [image.nearest for image in shown])
    pairs = Markup("").join(
        Markup(
            '<div class="tl-pair"><figure>{}<figcaption title="{}">{}</figcaption></figure>'
            "<figure>{}<figcaption>nearest known image</figcaption></figure></div>"
        ).format(
            picture(shown_thumbnail(run, image.image_id), f"Your image {image.image}"),
            image.image,
            image.image,
            picture(nearest.get(image.nearest, b""), "The nearest image that the model was tested on"),
        )
        for image in shown
    )
    return Markup(
        "<details><summary>The {} that look least like the known ones, each beside its nearest</summary>"
        '<div class="tl-pairs">{}</div></details>'
    ).format(numbers.plural(len(shown), "image"), pairs)


def _details(said: Verdict) -> Markup:
    parts = []
    if said.method:
        parts.append(Markup("<p>{}</p>").format(said.method))
    compared = f"{numbers.plural(said.n_images, 'image')} compared with {numbers.plural(said.n_reference, 'known image')}"
    if said.known_samples:
        compared += f" of {numbers.plural(said.known_samples, 'sample')}"
    if said.matched_mmd is not None and said.matched_mmd_high is not None:
        compared += (
            f"; squared MMD at {said.matched_images} images {said.matched_mmd:.4f}, normal samples stay below "
            f"{said.matched_mmd_high:.4f}"
        )
    elif said.matched_images:
        compared += (
            f"; the discrepancy at {said.matched_images} images was not judged, because the mix of classes is further from the known "
            "one than that of any known sample, or too few images are of known classes"
        )
    if said.mmd is not None and said.p_value is not None:
        compared += (
            f"; squared MMD of all {said.mmd:.4f}, permutation p = {said.p_value:.3f} (decides nothing)"
        )
    parts.append(Markup("<p>{}.</p>").format(compared))
    if said.statistic_tests:
        rows = [
            (test.title, f"{test.reference_median:.3g}", f"{test.median:.3g}", f"{test.statistic:.2f}", f"{test.p_value:.3g}")
            for test in said.statistic_tests
        ]  # fmt: skip
        parts.append(
            table(
                [
                    "Image statistic",
                    "Known images, median",
                    "Yours, median",
                    "Distance D (0–1)",
                    "p (corrected)",
                ],
                rows,
                numeric=(1, 2, 3, 4),
            )
        )
    return Markup("<details><summary>How this was decided</summary>{}</details>").format(
        Markup("").join(parts)
    )
