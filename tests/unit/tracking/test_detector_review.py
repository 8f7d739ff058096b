"""A detector before the maintainers: fit ones pass, each kind of unfit one is refused in words, its figures are shown as a detector's."""

from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from tests.support.detector_onnx import LABELS, detector_bundle, tiles_onnx
from tests.support.tiny_model import tiny_bundle, tiny_onnx
from tidelab.catalogue import load_catalogue
from tidelab.domain.card import DetectionSpec, Quality
from tidelab.models import ModelBundle
from tidelab.tracking.registry import _quality_tags
from tidelab.tracking.server import models
from tidelab.tracking.server.models.errors import RefusedError
from tidelab.tracking.server.models.overview import compare
from tidelab.tracking.server.models.review import review, warnings

USE_CASE = load_catalogue()["object-detector"]
FIT = tiles_onnx(final="Relu")
QUALITY = Quality(
    map50=0.8, map50_95=0.5, n_test=24, method="made up for a test",
    per_class={"red": {"ap50": 0.9, "ap50_95": 0.6, "precision": 0.7, "recall": 0.4, "support": 31.0}},
)  # fmt: skip


def bundle(folder: Path, onnx: bytes = FIT, **changes: object) -> ModelBundle:
    return detector_bundle(folder, onnx, **{"quality": QUALITY, **changes})


def test_a_fit_detector_passes_and_what_must_be_read_is_said(tmp_path: Path) -> None:
    fit = bundle(tmp_path / "fit")
    found, words = review(fit.folder, USE_CASE)
    assert found.digest == fit.digest
    assert any("does not know 3 declared classes" in one for one in words)
    assert any("No threshold was chosen for 3 classes (blue, green, red)" in one for one in words)
    assert any("no drift reference" in one for one in words)
    assert not any("how good it is" in one for one in words)


def test_thresholds_and_figures_that_are_there_are_not_missed(tmp_path: Path) -> None:
    spec = DetectionSpec(size_px=64, thresholds=dict.fromkeys(LABELS, 0.4))
    words = warnings(bundle(tmp_path / "a", detection=spec), USE_CASE)
    assert not any("threshold" in one for one in words)
    bare = warnings(bundle(tmp_path / "b", quality=Quality()), USE_CASE)
    assert any("no mAP50-95 on test images" in one for one in bare)


UNFIT: dict[str, tuple[Callable[[Path], ModelBundle], str]] = {
    "not a model": (lambda place: bundle(place, b"not onnx"), "ONNX Runtime cannot load it"),
    "a classifier's file": (lambda place: bundle(place, tiny_onnx(3)), "no output 'boxes'"),
    "scores beyond 1": (lambda place: bundle(place, tiles_onnx()), "do not lie between 0 and 1"),
    "not numbers": (lambda place: bundle(place, tiles_onnx(final="Log")), "not finite"),
    "other labels": (lambda place: bundle(place, labels=("red", "green")), "with 2 labels in the card"),
    "another embedding": (lambda place: bundle(place, embedding_dim=7), "the card says 7 numbers"),
    "one size alone": (lambda place: bundle(place, _fixed(FIT)), "fails on empty input of 96 x 64 px"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNFIT)
def test_an_unfit_detector_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    make, words = UNFIT[kind]
    with pytest.raises(RefusedError, match=words) as refused:
        review(make(tmp_path / "unfit").folder, USE_CASE)
    assert refused.value.status == 422
    assert "Export it again" in str(refused.value)


def test_a_detector_and_a_classifier_are_not_promoted_for_each_other(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="finds objects in pictures, and this model names whole pictures"):
        review(tiny_bundle(tmp_path / "a", use_case="object-detector").folder, USE_CASE)
    other = bundle(tmp_path / "b", use_case="flowcam-plankton")
    with pytest.raises(RefusedError, match="names pictures, and this model finds objects"):
        review(other.folder, load_catalogue()["flowcam-plankton"])


def test_figures_beside_the_champions(tmp_path: Path) -> None:
    ours = bundle(tmp_path / "ours").card
    better = Quality(**{**QUALITY.model_dump(), "map50_95": 0.75, "per_class": {}})
    lines = {
        one.name: one for one in compare(ours, bundle(tmp_path / "theirs", quality=better).card)
    }  # fmt: skip
    assert (lines["mAP50-95"].request, lines["mAP50-95"].champion, lines["mAP50-95"].difference) == (
        0.5,
        0.75,
        -0.25,
    )
    assert (lines["Recall red"].request, lines["Recall red"].champion, lines["Recall red"].support) == (
        0.4,
        None,
        "31 objects",
    )
    assert not any("F1" in name for name in lines)
    assert not any("AP" in one.name for one in compare(tiny_bundle(tmp_path / "c").card, None))


def test_the_registry_lists_the_figure_a_detector_is_known_by() -> None:
    assert _quality_tags(QUALITY) == {"tidelab.map50_95": "0.5000", "tidelab.map50": "0.8000"}
    assert _quality_tags(Quality(macro_f1=0.25)) == {"tidelab.macro_f1": "0.2500"}
    assert (QUALITY.headline, Quality(macro_f1=0.25).headline, Quality().headline) == (
        ("mAP50-95", 0.5), ("macro F1", 0.25), None,
    )  # fmt: skip


def test_the_page_of_models_names_the_measure(tmp_path: Path) -> None:
    from types import SimpleNamespace

    folder = Path(models.__file__).parent / "templates"
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True)
    templates.globals.update(xsrf=lambda: "t", prefix="/services/models", hub="/hub/", experiments="/x")
    card = bundle(tmp_path / "a").card
    champion = SimpleNamespace(
        version="2",
        registered_model="m",
        promoted_by="maya",
        promoted_at="2026-01-01",
        note="",
        digest="sha256:0",
    )
    one = SimpleNamespace(
        use_case=USE_CASE, champion=champion, card=card, problem="", pending=[], hidden=0, maintains=True, history=[],
        earlier=[SimpleNamespace(version="1", card=replace_quality(card, 0.25))],
    )  # fmt: skip
    caller = SimpleNamespace(name="maya", kind="user", admin=False)
    html = " ".join(templates.get_template("index.html").render(view=[one], caller=caller).split())
    assert '<span class="big-number">0.500</span> mAP50-95 on 24 test images' in html
    assert "mAP50-95 0.250 on 24 test images" in html


def replace_quality(card: object, value: float) -> object:
    return card.model_copy(update={"quality": QUALITY.model_copy(update={"map50_95": value})})  # type: ignore[attr-defined]


def _fixed(onnx: bytes) -> bytes:
    """Return a network that takes pictures of 64 x 64 px alone."""
    import onnx as library

    model = library.load_model_from_string(onnx)
    for axis, side in ((2, 64), (3, 64)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].ClearField("dim_param")
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = side
    return bytes(model.SerializeToString())
