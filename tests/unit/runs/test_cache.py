"""The cache of results: exact, shared by processes, put aside when damaged, and never the reason for a wrong number."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.brightness import calls
from tests.unit.runs.conftest import Run
from tidelab.catalogue import UseCase
from tidelab.domain.prediction import Prediction
from tidelab.runs.cache import ResultCache
from tidelab.runs.record import from_bytes, to_bytes

PREDICTION = Prediction(
    np.array([0.1, 0.9], np.float32),
    np.array([1, np.pi, -3], np.float32),
    {"brightness": 0.1 + 0.2},
    b"\xff\xd8jpeg",
)


def equal(one: Prediction | None, other: Prediction) -> bool:
    return (
        one is not None
        and one.probabilities.tobytes() == other.probabilities.tobytes()
        and one.embedding.tobytes() == other.embedding.tobytes()
        and dict(one.statistics) == dict(other.statistics)
        and one.thumbnail == other.thumbnail
    )


@given(
    st.lists(st.floats(width=32, allow_nan=False), max_size=9),
    st.lists(st.floats(width=32, allow_nan=False), max_size=9),
    st.dictionaries(st.text(max_size=9), st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    st.binary(max_size=40),
)
def test_a_record_gives_back_every_bit(
    p: list[float], e: list[float], statistics: dict[str, float], jpeg: bytes
) -> None:
    prediction = Prediction(np.array(p, np.float32), np.array(e, np.float32), statistics, jpeg)
    assert equal(from_bytes(to_bytes(prediction)), prediction)


@given(st.data())
def test_a_damaged_record_is_no_record(data: st.DataObject) -> None:
    record = bytearray(to_bytes(PREDICTION))
    if data.draw(st.booleans()):
        record = record[: data.draw(st.integers(0, len(record) - 1))]
    else:
        place = data.draw(st.integers(0, len(record) - 1))
        record[place] ^= data.draw(st.integers(1, 255))
    assert from_bytes(bytes(record)) is None


def test_what_one_connection_puts_another_gets_at_once(tmp_path: Path) -> None:
    notes: list[str] = []
    with (
        ResultCache(tmp_path / "c.sqlite", notes.append) as one,
        ResultCache(tmp_path / "c.sqlite", notes.append) as two,
    ):
        one.put_many(
            {bytes([n]): PREDICTION for n in range(200)} | {b"%d" % n: PREDICTION for n in range(1000)}
        )
        found = two.get_many(
            [bytes([n]) for n in range(200)] + [b"%d" % n for n in range(1000)] + [b"unknown"]
        )
    assert len(found) == len({bytes([n]) for n in range(200)} | {b"%d" % n for n in range(1000)})
    assert equal(found[b"\x07"], PREDICTION)
    assert notes == []
    assert (tmp_path / "c.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["not a database", "torn", "another schema"])
def test_a_damaged_cache_is_put_aside_and_begun_anew(
    run: Run, use_case: UseCase, tmp_path: Path, damage: str
) -> None:
    first = run()
    path = tmp_path / "runs" / ".cache" / "results.sqlite"
    if damage == "not a database":
        path.write_bytes(b"this is no database" * 500)
    elif damage == "torn":
        content = bytearray(path.read_bytes())
        content[100:] = b"\xa5" * (len(content) - 100)
        path.write_bytes(content)
    else:
        path.unlink()
        sqlite3.connect(path).execute("CREATE TABLE results (other TEXT)").connection.close()
    second = run()
    assert second.state().status == "done"
    assert (second.path / "results.csv").read_bytes() == (first.path / "results.csv").read_bytes()
    assert len(list(path.parent.glob("damaged-*.sqlite"))) == 1
    assert "The result cache was damaged" in second.log()
    assert len(calls(use_case)) == 6
    run()
    assert len(calls(use_case)) == 6


def test_a_cache_with_a_damaged_middle_is_put_aside_too(tmp_path: Path) -> None:
    path, notes = tmp_path / "c.sqlite", list[str]()
    many = {b"%06d" % n: PREDICTION for n in range(3000)}
    with ResultCache(path, notes.append) as cache:
        cache.put_many(many)
    size = path.stat().st_size
    with path.open("r+b") as stream:  # its header and first pages stay, so it opens
        stream.seek(size // 2 // 4096 * 4096)
        stream.write(b"\xff" * (size // 4))
    with ResultCache(path, notes.append) as cache:
        assert len(cache.get_many(list(many))) < len(many)
        cache.put_many(many)
    with ResultCache(path, notes.append) as cache:
        assert len(cache.get_many(list(many))) == len(many)
    assert len(list(tmp_path.glob("damaged-*.sqlite"))) == 1
    assert len(notes) == 1
    assert "was damaged" in notes[0]


def test_a_flipped_bit_in_the_cache_never_becomes_a_result(
    run: Run, use_case: UseCase, tmp_path: Path
) -> None:
    first = run()
    database = sqlite3.connect(tmp_path / "runs" / ".cache" / "results.sqlite")
    (key, record), *_ = database.execute("SELECT key, record FROM results").fetchall()
    broken = bytearray(record)
    broken[30] ^= 1
    database.execute("UPDATE results SET record = ? WHERE key = ?", (bytes(broken), key))
    database.commit()
    database.close()
    second = run()
    assert (second.path / "results.csv").read_bytes() == (first.path / "results.csv").read_bytes()
    assert len(calls(use_case)) == 4


def test_a_cache_that_may_not_be_written_costs_only_the_next_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlite3.connect", _refused(sqlite3.connect))
    folder = run()
    assert folder.state().status == "done"
    assert "cannot be used now (attempt to write a readonly database)" in folder.log()


def _refused(connect: object) -> object:
    def opened(path: object, *more: object, **named: object) -> object:
        if str(path).endswith("results.sqlite"):
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return connect(path, *more, **named)  # type: ignore[operator]

    return opened
