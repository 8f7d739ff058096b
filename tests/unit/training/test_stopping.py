"""The stop button: one press is remembered, a second one is an interrupt, and afterwards all is as it was."""

import os
import signal
import threading

import pytest

from tidelab.training.progress import TrainingStep
from tidelab.training.stopping import stop_button


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_press_is_remembered_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with stop_button() as pressed:
        assert not pressed()
        press()
        assert pressed()
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_raised_within_goes_through_and_the_button_is_given_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="within"), stop_button():
        raise ValueError("within")
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_is_changed():
    said = []

    def work():
        with stop_button() as pressed:
            said.append((pressed(), signal.getsignal(signal.SIGINT)))

    before = signal.getsignal(signal.SIGINT)
    worker = threading.Thread(target=work)
    worker.start()
    worker.join(30)
    assert said == [(False, before)]


@pytest.mark.parametrize(
    ("step", "left_s", "words"),
    [
        (TrainingStep(1, 10, 1, 6, 10.0), 590.0, "epoch 1 of 10: step 1 of 6, about 10 min left"),
        (
            TrainingStep(10, 10, 6, 6, 600.0),
            0.0,
            "epoch 10 of 10: step 6 of 6, less than a minute left",
        ),
        (TrainingStep(5, 10, 6, 6, 300.0), 300.0, "epoch 5 of 10: step 6 of 6, about 5 min left"),
    ],
)
def test_what_is_left_is_said_at_the_pace_so_far(step, left_s, words):
    assert step.seconds_left == pytest.approx(left_s)
    assert step.sentence == words
