"""The frame knows no use case: what it says and does of one stands in that one's folder, so that adding a case adds a folder and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidelab import paths

ROOT = paths.checkout()
FRAME = ("extensions", "hub", "images", "voila-apps", "ansible", "pyproject.toml", "Makefile")
SKIPPED = {"__pycache__", "node_modules", ".ipynb_checkpoints"}

KNOWN = {
    # They make what is committed in the folders of the two that came with the frame.
    "extensions/tidelab/training/make_demo.py": {"flowcam-plankton"},
    "extensions/tidelab/training/synthetic.py": {"flowcam-plankton"},
    "extensions/tidelab/training/make_detector_demo.py": {"object-detector"},
    # They show a name as an example, in a docstring or in a message about names.
    "extensions/tidelab/containers/names.py": {"flowcam-plankton"},
    "extensions/tidelab/tracking/names.py": {"flowcam-plankton"},
    "extensions/tidelab/tracking/server/policy.py": {"flowcam-plankton"},
    "extensions/tidelab/workspace.py": {"flowcam-plankton"},
    "voila-apps/README.md": {"flowcam-plankton"},
}
"""The worked example of the documentation and the generic detector, where they are named; none of these files does anything else for them."""


def files() -> Iterator[Path]:
    for name in FRAME:
        place = ROOT / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and not SKIPPED & set(path.parts):
                yield path


def cases() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "notebooks").glob("[!_]*/usecase.yaml"))


def named(text: str, slugs: list[str]) -> set[str]:
    """Return the use cases that a text names, by slug or module, as a word or a part of a longer name."""
    found = set()
    for slug in slugs:
        module = slug.replace("-", "_")
        if re.search(rf"(?<![a-z]){re.escape(slug)}(?![a-z])|(?<![a-z]){re.escape(module)}(?![a-z])", text):
            found.add(slug)
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('if slug == "eyeonwater":', {"eyeonwater"}),
        ("from obsea_fish import series", {"obsea-fish"}),
        ("notebooks/obsea-fish/sample", {"obsea-fish"}),
        ("TIDELAB_obsea-fish-1", {"obsea-fish"}),
        ("the ZooScan instrument at OBSEA", set()),
        ("eyeonwaters", set()),
    ],
)
def test_a_name_is_found_in_code_and_texts(text: str, found: set[str]) -> None:
    assert named(text, ["eyeonwater", "obsea-fish", "zooscan"]) == found


def test_no_file_of_the_frame_names_a_use_case() -> None:
    slugs, seen, faults = cases(), 0, {}
    assert len(slugs) >= 5
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a font
        seen += 1
        name = path.relative_to(ROOT).as_posix()
        found = named(text, slugs) - KNOWN.get(name, set())
        if found:
            faults[name] = sorted(found)
    assert seen > 300
    assert not faults, (
        f"These files of the frame name use cases: {faults}. Put what is special about a use case into its folder, or widen the mechanism "
        "(docs/howto/own-parts.md)."
    )


def test_what_is_known_is_still_there() -> None:
    for name, slugs in KNOWN.items():
        assert named((ROOT / name).read_text(encoding="utf-8"), cases()) >= slugs, name
