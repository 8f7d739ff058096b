"""The page says what the code does."""

import re

from tidelab import paths
from tidelab.formats.annotations import FORMATS, SHAPES
from tidelab.formats.annotations.fitting import _CHAINS

PAGE = "docs/howto/convert-annotations.md"


def test_the_table_is_what_the_formats_can_say() -> None:
    text = (paths.checkout() / PAGE).read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `") and line.count("|") == 13
    ]
    said = {row[0].strip("`"): row[1:] for row in rows}
    assert list(said) == list(FORMATS)
    for name, one in FORMATS.items():
        wanted = [
            "=" if shape in one.shapes else next((s for s in _CHAINS[shape] if s in one.shapes), "-")
            for shape in SHAPES
        ]
        wanted += ["=" if what in one.carries else "-" for what in ("score", "track")]
        assert said[name] == wanted, name
    header = re.search(r"\| format \| box .*", text)
    assert header is not None
    assert [cell.strip() for cell in header[0].strip("|").split("|")] == ["format", *SHAPES, "score", "track"]


def test_it_is_linked_from_the_index() -> None:
    assert "howto/convert-annotations.md" in (paths.checkout() / "docs/index.md").read_text(encoding="utf-8")
