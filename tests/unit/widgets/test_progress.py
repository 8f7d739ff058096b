"""Progress in words."""

from datetime import UTC, datetime, timedelta

import pytest

from tidelab.domain.state import RunState
from tidelab.widgets.progress import describe, preparing

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def state(**fields):
    return RunState(**{"status": "running", "started": START.isoformat(), "total": 100, **fields})


@pytest.mark.parametrize(
    ("fields", "fraction", "words"),
    [
        ({"status": "queued", "step": "Waiting for a free place: 2 runs ahead"}, 0.0, ["2 runs ahead"]),
        ({"step": "Classifying the images", "done": 30, "failed": 2}, 0.32, ["30 of 100 images", "2 files could not be used"]),
        ({"step": "Looking at the files", "total": 0}, None, ["Looking at the files"]),
        ({"status": "done", "done": 99, "failed": 1}, 1.0, ["Finished: 99 images", "1 file could not be used"]),
        ({"status": "cancelled", "done": 5}, 0.05, ["Cancelled after 5 images", "Analyse again"]),
        ({"status": "failed", "done": 5}, 0.05, ["Stopped after 5 images"]),
    ],
)  # fmt: skip
def test_each_state_has_its_words(fields, fraction, words):
    progress = describe(state(**fields), START + timedelta(seconds=1))
    assert progress.fraction == pytest.approx(fraction) if fraction is not None else progress.fraction is None
    for word in words:
        assert word in progress.text


def test_the_estimate_counts_images_the_model_was_called_for_only():
    # 40 came from the cache in no time; 20 took 10 s, so 40 more take 20 s.
    said = describe(
        state(step="Classifying", done=60, cached=40, predicted=20), START + timedelta(seconds=10)
    )
    assert "about 20 s left" in said.text


def test_no_estimate_from_a_handful_of_images():
    assert "left" not in describe(state(done=5, predicted=5), START + timedelta(seconds=10)).text


def test_finished_is_not_said_before_the_results_are_there():
    said = preparing(state(status="done", done=5, total=6, failed=1))
    assert said.fraction == 1.0
    assert "Finished" not in said.text
    assert said.text == "Analysed 5 images, 1 file could not be used. Preparing the pictures…"
