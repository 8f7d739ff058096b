"""Places and tickets: how many runs execute at once, in the order of arrival."""

import threading
from pathlib import Path

import pytest

from tidelab.runs.slots import max_runs, slot


def test_no_more_than_the_number_of_places_and_in_the_order_of_arrival(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELAB_MAX_RUNS", "2")
    release, entered, ahead = threading.Event(), [], {}
    lock, most, inside = threading.Lock(), [0], [0]

    def work(number: int, waits: threading.Event) -> None:
        def waiting(count: int) -> None:
            ahead.setdefault(number, count)
            waits.set()

        with slot(tmp_path, waiting):
            with lock:
                entered.append(number)
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            waits.set()
            release.wait(20)
            with lock:
                inside[0] -= 1

    threads = []
    for number in range(5):
        waits = threading.Event()
        threads.append(threading.Thread(target=work, args=(number, waits)))
        threads[-1].start()
        assert waits.wait(20)
    assert entered == [0, 1]
    assert ahead == {2: 0, 3: 1, 4: 2}
    release.set()
    for thread in threads:
        thread.join(20)
    assert sorted(entered) == [0, 1, 2, 3, 4]
    assert most[0] == 2
    assert not list(tmp_path.glob("*.ticket"))


def test_giving_up_leaves_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_MAX_RUNS", "1")

    def give_up(_: int) -> None:
        raise InterruptedError

    with slot(tmp_path, give_up):
        with pytest.raises(InterruptedError), slot(tmp_path, give_up):
            pytest.fail("there was one place")
        assert not list(tmp_path.glob("*.ticket"))
    with slot(tmp_path, give_up):
        pass


def test_tickets_of_the_dead_are_thrown_away_and_numbers_are_never_used_twice(tmp_path: Path) -> None:
    (tmp_path / "000000000007.ticket").touch()  # nobody holds it
    seen = []

    def waiting(count: int) -> None:
        seen.append(count)

    with slot(tmp_path, waiting):
        assert (tmp_path / "last").read_text() == "000000000008"
    assert seen == []
    assert not list(tmp_path.glob("*.ticket"))


@pytest.mark.parametrize(("text", "expected"), [("3", 3), ("0", 1), ("many", None), ("", None)])
def test_the_number_of_places(text: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("TIDELAB_MAX_RUNS", text)
    assert max_runs() == (expected if expected is not None else os.cpu_count())
