"""The page of a request: the comparison is shown with its reasons, what came from a person is escaped."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from tests.support.tiny_model import tiny_bundle
from tidelab.domain.decision import Decision
from tidelab.tracking.server import models

HOSTILE = "<script>alert(1)</script>"
MEASURED = {
    "measure": "recall",
    "challenger": 0.5,
    "champion": 0.75,
    "difference": -0.25,
    "low": -0.4,
    "high": -0.1,
}


def page(tmp_path: Path, found: Decision | None, **changes: Any) -> str:
    folder = Path(models.__file__).parent / "templates"
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True)
    templates.globals.update(xsrf=lambda: "t", prefix="/services/models", hub="/hub/", experiments="/x")
    request = SimpleNamespace(
        id="0" * 16, registered_model="m--bob", version="1", asked_by="bob", asked_at="2026-01-01T00:00:00Z", note="n", reason="",
        status="pending", digest="sha256:0", warnings=[], decision=found, decided_by="", decided_at="",
    )  # fmt: skip
    view = SimpleNamespace(
        request=request, use_case=SimpleNamespace(title="Plankton"), card=tiny_bundle(tmp_path / "bundle").card, champion=None,
        champion_card=None, measures=[], same_test=False, warnings=[HOSTILE], maintains=True, mine=False,
    )  # fmt: skip
    caller = SimpleNamespace(name="maya", kind="user", admin=False)
    return templates.get_template("request.html").render(view=view, caller=caller, **changes)


@pytest.mark.parametrize("recommended", [True, False])
def test_the_comparison_is_shown(tmp_path: Path, recommended: bool) -> None:
    found = Decision.model_validate({
        "recommended": recommended, "reasons": [HOSTILE], "cautions": [HOSTILE], "challenger": "x", "champion_words": HOSTILE, "look": 3,
        "primary": {**MEASURED, "measure": "macro F1"}, "n_images": 120, "left_out": 4,
        "groups": [
            {"name": HOSTILE, "kind": "class", "n_images": 60, "measures": [MEASURED], "state": "worse"},
            {"name": "rare", "kind": "class", "n_images": 3, "measures": [MEASURED], "state": "not testable"},
        ],
    })  # fmt: skip
    html = page(tmp_path, found)
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 5
    assert ("Not recommended" in html) is not recommended
    assert "number 3 at these test images" in html
    assert "-0.250" in html
    assert "n/a (3 images)" in html
    assert "I have read what is said above" in html


def test_a_request_without_a_comparison_has_a_page(tmp_path: Path) -> None:
    assert "author's comparison" not in page(tmp_path, None).replace("&#39;", "'")
