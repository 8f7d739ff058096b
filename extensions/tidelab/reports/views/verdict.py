"""The verdict: whether the model is fit for these images. It stands above every number."""

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
    icon = Markup('<svg viewBox="0 0 24 24" role="img" aria-label="{}">{}</svg>').format(
        word,
        Markup(_SHAPES[said.state]),  # noqa: S704 (a constant above)
    )
    reasons = Markup("").join(Markup("<li>{}</li>").format(reason) for reason in said.reasons)
    banner = Markup(
        '<div class="tl-banner tl-{}" role="status">{}<div><span class="tl-word">{}</span><h2>{}</h2>{}</div></div>'
    ).format(
        said.state,
        icon,
        word,
        said.headline,
        Markup("<ul>{}</ul>").format(reasons) if reasons else Markup(""),
    )
    words = "\n".join([f"{word.upper()}: {said.headline}", *(f"- {reason}" for reason in said.reasons)])
    return section(banner + _images(run, said) + _details(said), words, "tl-verdict")


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
    if said.mmd is not None and said.p_value is not None:
        compared += f"; squared MMD {said.mmd:.4f}, p = {said.p_value:.3f}"
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
