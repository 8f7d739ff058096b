"""What the cache keeps of a prediction comes back as it was, and damage is noticed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.domain.prediction import Detections, Prediction
from tidelab.runs.record import from_bytes, to_bytes


def prediction(count: int | None, seed: int = 0, pictures: bool = True) -> Prediction:
    rng = np.random.default_rng(seed)
    found = None
    if count is not None:
        found = Detections(
            rng.uniform(0, 4000, (count, 4)).astype(np.float32),
            np.sort(rng.random(count).astype(np.float32))[::-1].copy(),
            rng.integers(0, 300, count).astype(np.int16),
            tuple(rng.bytes(int(size)) for size in rng.integers(0, 40, count)) if pictures else (),
        )
    return Prediction(
        rng.random(3, np.float32), rng.random(5, np.float32), {"sharpness": 0.1, "a b": -3.0}, b"jpeg", found
    )


@settings(max_examples=40)
@given(st.none() | st.integers(0, 30), st.integers(0, 99), st.booleans())
def test_a_prediction_comes_back_as_it_was(count: int | None, seed: int, pictures: bool) -> None:
    one = prediction(count, seed, pictures)
    back = from_bytes(to_bytes(one))
    assert back is not None
    assert (back.probabilities == one.probabilities).all()
    assert (back.embedding == one.embedding).all()
    assert (back.statistics, back.thumbnail) == (one.statistics, one.thumbnail)
    if one.detections is None:
        assert back.detections is None
        return
    assert back.detections is not None
    for name in ("boxes", "scores", "labels"):
        assert (getattr(back.detections, name) == getattr(one.detections, name)).all()
    given_, kept = one.detections.thumbnails, back.detections.thumbnails
    assert kept == given_ or (not any(given_) and not kept)


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_record_is_none(data: st.DataObject) -> None:
    record = bytearray(to_bytes(prediction(4)))
    if data.draw(st.booleans()):
        record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        record = record[: data.draw(st.integers(0, len(record) - 1))]
    assert from_bytes(bytes(record)) is None


def test_a_record_of_an_earlier_version_is_not_misread() -> None:
    assert from_bytes(b"TLR1" + to_bytes(prediction(None))[4:]) is None
