"""The view of corrected counts: numbers, reasons, one paragraph, everything escaped."""

import io
import re

import pytest
from PIL import Image

from tests.support.known_counts import bundle, run_of
from tidelab.domain.estimate import ClassEstimate, Estimates, Range
from tidelab.reports import views
from tidelab.reports.views.estimates import draw

COUNTS = (160, 30, 10)


@pytest.fixture
def model(use_case, tmp_path):
    return bundle(tmp_path / "model", use_case.slug).folder


def test_raw_and_corrected_stand_side_by_side_with_the_paragraph(use_case, model):
    run, _ = run_of(use_case, model, COUNTS)
    shown = views.estimates(run)
    found = run.estimates()
    dark = next(one for one in found.classes if one.label == "dark" and not one.sample_id)
    assert f"named {dark.raw}, corrected {dark.corrected.value:,.0f} (" in shown.text
    assert "What these intervals do not cover" in shown.html
    assert "Your own model" in shown.html
    assert "How this was computed" in shown.html
    assert shown.html.count("<img") == 1
    assert 'alt="Raw and corrected counts per class: dark' in shown.html


def test_withheld_counts_say_why_once_and_keep_the_raw_ones(use_case, model):
    run, _ = run_of(use_case, model, COUNTS, verdict="red")
    shown = views.estimates(run)
    visible = re.sub(r'alt="[^"]*"', "", str(shown.html))
    assert visible.count("not fit for these images") == 1
    assert "Corrected counts are withheld." in visible
    assert "withheld</span>" in visible


def test_samples_are_unfolded_and_their_reason_is_said(use_case, model):
    run, _ = run_of(use_case, model, (320, 60, 20), samples=4)
    assert "By sample (4)" in views.estimates(run).html
    assert "Sample S3" in views.estimates(run).html
    run, _ = run_of(use_case, model, COUNTS, samples=8)
    assert "Withheld for this sample: 25 images in this sample" in views.estimates(run).html


def test_names_and_words_are_escaped(use_case, model, monkeypatch):
    run, _ = run_of(use_case, model, COUNTS)
    bad = "<script>alert(1)</script>$x"
    estimates = Estimates(
        key="", seed=1, replicates=200, not_covered=bad, notes=[bad], withheld=[bad], method_words=bad,
        classes=[
            ClassEstimate(sample_id=sample, label=bad, raw=3, withheld=bad) for sample in ("", bad, "other")
        ],
    )  # fmt: skip
    monkeypatch.setattr(type(run), "estimates", lambda self: estimates)
    assert "<script>" not in views.estimates(run).html


def test_a_run_without_images_has_nothing_to_count(use_case, model, monkeypatch):
    run, _ = run_of(use_case, model, COUNTS)
    empty = Estimates(key="", seed=1, replicates=200, not_covered="x", classes=[])
    monkeypatch.setattr(type(run), "estimates", lambda self: empty)
    assert "Nothing to count" in views.estimates(run).text


def test_the_plot_shows_raw_and_corrected_by_shape(use_case):
    held = [ClassEstimate(label="a", raw=10), ClassEstimate(label="", raw=2)]
    corrected = [one.model_copy(update={"corrected": Range(value=5, low=1, high=9)}) for one in held]
    pictures = [Image.open(io.BytesIO(draw(one))).convert("L") for one in (held, corrected)]
    assert all(one.size[0] > 600 for one in pictures)
    assert pictures[0].tobytes() != pictures[1].tobytes()
