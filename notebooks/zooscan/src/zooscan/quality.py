"""What is said of a scan's quality."""

from collections.abc import Sequence

from zooscan.objects import QualityWord
from zooscan.segment import Found
from zooscan.settings import ProcessSettings


def quality_words(
    found: Found, *, framed: bool, dpi: float | None, settings: ProcessSettings
) -> Sequence[QualityWord]:
    """Return a word on density, number of objects, frame and resolution.

    The density is the legacy software's B/W ratio: black pixels over **white** ones. Above 0.25, which is a fifth of the picture, too many
    objects touch each other.
    """
    ratio, most = found.bw_ratio, settings.max_bw_ratio
    thin = ratio is not None and ratio <= most
    dense = (
        "No pixel is above the threshold" if ratio is None else
        f"There are {ratio:.4f} pixels at or below the threshold for each one above it"
    )  # fmt: skip
    resolution = f"The file says {dpi:g} dpi" if dpi else "The file says no resolution"
    same = dpi is not None and abs(dpi - settings.dpi) < 1
    return (
        QualityWord(
            "bw_ratio",
            "" if ratio is None else round(ratio, 4),
            thin,
            f"{dense}; up to {most:g} is in order." if thin else
            f"{dense}, more than {most:g}: too many objects touch each other. Scan the sample in more fractions.",
        ),
        QualityWord(
            "objects",
            len(found.objects),
            bool(found.objects),
            f"{len(found.objects):,} objects were found." if found.objects else
            f"No object from {settings.min_esd_mm:g} to {settings.max_esd_mm:g} mm was found: is this scan a blank?",
        ),
        QualityWord(
            "frame",
            "found" if framed else "not found",
            True,
            "The scanner's frame was found and cleared." if framed else
            "No frame was seen at the edges, so that the whole picture was searched.",
        ),
        QualityWord(
            "resolution",
            f"{dpi:g}" if dpi else "",
            same or dpi is None,
            f"{resolution}; {settings.dpi} dpi is used for sizes." + ("" if same or dpi is None else " Which of them is right?"),
        ),
    )  # fmt: skip
