"""What a notebook shows of an error: our refusals as a sentence, everything else with its traceback; programs catch what they caught before."""

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tidelab.tracking import TrackingError, TrackingUnavailableError
from tidelab.training import detector_steps as steps
from tidelab.training.datasets import DatasetError
from tidelab.training.telling import in_words
from tidelab.training.yolo_settings import YoloSettings


@pytest.fixture
def shown(capsys):
    """Return what IPython shows when something is done in a cell."""
    shell = InteractiveShell(colors="nocolor")

    def run(action):
        shell.push({"action": action})
        capsys.readouterr()
        assert not shell.run_cell("action()").success
        found = capsys.readouterr()
        return found.out + found.err

    yield run
    shell.history_manager.end_session()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: steps.open_dataset("/nowhere/annotations.json"), "/nowhere/annotations.json"),
        (lambda: YoloSettings(image_px=100), "image_px: 100, expected a multiple of 32 from 64 to 2048"),
        (lambda: refuse(TrackingUnavailableError("MLflow is not reachable.")), "MLflow is not reachable."),
    ],
)
def test_a_refusal_is_a_sentence_and_no_traceback(shown, action, words):
    said = shown(action)
    assert words in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) <= 3


def refuse(error: Exception) -> None:
    raise error


def test_where_it_comes_from_is_said(shown):
    assert "(tidelab.training.yolo_settings, line " in shown(lambda: YoloSettings(image_px=100))


def test_what_is_not_ours_keeps_its_traceback(shown):
    said = shown(in_words(lambda: np.zeros((2, 3)) @ np.zeros((2, 3))))
    assert "Traceback" in said
    assert "matmul" in said
    assert "Traceback" in shown(in_words(lambda: {}["missing"]))


def test_the_exception_is_the_same():
    with pytest.raises(DatasetError, match="nowhere") as caught:
        steps.open_dataset("/nowhere/annotations.json")
    assert "nowhere" in caught.value._render_traceback_()[0]
    assert isinstance(TrackingUnavailableError("x"), TrackingError)
    assert steps.open_dataset.__name__ == "open_dataset"
    assert steps.open_dataset.__doc__.startswith("Read annotated pictures")
