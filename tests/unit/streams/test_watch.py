"""A watched folder: complete files alone, each once, in whatever order and however often the watch was stopped."""

import csv
import functools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.squares import LABELS, Square, picture
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.source import Payload
from tidelab.streams.errors import StreamError
from tidelab.streams.model import StreamModel
from tidelab.streams.watch import watching
from tidelab.streams.watch.arrivals import Arrivals
from tidelab.streams.watch.journal import Block, Journal, Seen
from tidelab.streams.watch.later import Later
from tidelab.streams.watch.looking import Looking
from tidelab.streams.watch.watching import WatchOptions, watch

FAST = WatchOptions(settle_s=0.02, poll_s=0.02, once=True)


def put(path: Path, reds: int = 1, *, grey: int = 70) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture([Square("red", 30 * n, 10) for n in range(reds)], grey=grey)).save(path, "PNG")
    return path


def counts(out: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for path in sorted(out.glob("counts-*.csv")):
        with path.open(newline="", encoding="utf-8") as stream:
            found += csv.DictReader(stream)
    return found


def test_each_picture_is_a_row_a_class_with_zeros(model: StreamModel, tmp_path: Path) -> None:
    put(tmp_path / "in" / "cam1" / "2026-05-01T12-00-00Z.png", 2)
    put(tmp_path / "in" / "cam2" / "2026-05-02T00-01-00Z.png", 0)
    lines: list[str] = []
    totals = watch(model, tmp_path / "in", tmp_path / "out", FAST, say=lines.append)
    assert totals == {"counted": 2}
    rows = counts(tmp_path / "out")
    assert [(row["time"], row["camera"], row["taxon"], row["count"]) for row in rows] == [
        *(
            ("2026-05-01T12:00:00Z", "cam1", label, str(n))
            for label, n in zip(LABELS, (2, 0, 0), strict=True)
        ),
        *(("2026-05-02T00:01:00Z", "cam2", label, "0") for label in LABELS),
    ]
    assert (rows[0]["mean_conf"], rows[1]["mean_conf"], rows[0]["conf_thr"], rows[0]["aphia_id"]) == (
        "0.9000",
        "",
        "0.5",
        "127160",
    )
    assert rows[0]["model"] == "squares-case (demo)"
    assert (tmp_path / "out" / "detections-2026-05-01.csv").read_text().count("\n") == 3
    assert not (tmp_path / "out" / "detections-2026-05-02.csv").exists()
    assert "2 Red square" in lines[0]
    assert "no objects" in lines[1]
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert status["state"] == "stopped"
    assert status["words"].startswith("2 pictures counted")


def test_late_copies_and_broken_files_are_told_once(model: StreamModel, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    put(folder / "2026-05-01T12-05-00Z.png")
    watch(model, folder, out, FAST)
    put(folder / "2026-05-01T12-01-00Z.png", grey=60)  # an earlier minute that arrives later
    (folder / "copy.png").write_bytes((folder / "2026-05-01T12-05-00Z.png").read_bytes())
    (folder / "half.png").write_bytes((folder / "2026-05-01T12-05-00Z.png").read_bytes()[:60])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "being-written.png.part").write_bytes(b"x")
    for _ in range(2):
        totals = watch(model, folder, out, FAST)
    assert totals == {"counted": 2, "late": 1, "copies": 1, "broken": 2}
    failed = list(csv.DictReader((out / "failed_files.csv").open()))
    assert sorted(row["image"] for row in failed) == ["empty.jpg", "half.png"]
    assert all(row["reason"] and row["next_step"] for row in failed)
    assert len(counts(out)) == 2 * len(LABELS)


def test_a_mended_file_is_counted(model: StreamModel, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    whole = put(folder / "2026-05-01T12-05-00Z.png").read_bytes()
    (folder / "2026-05-01T12-05-00Z.png").write_bytes(whole[:80])
    assert watch(model, folder, out, FAST) == {"broken": 1}
    (folder / "2026-05-01T12-05-00Z.png").write_bytes(whole)
    assert watch(model, folder, out, FAST) == {"broken": 1, "counted": 1}


def test_a_picture_that_is_overwritten_is_another_picture(model: StreamModel, tmp_path: Path) -> None:
    for n in range(3):
        put(tmp_path / "in" / "latest.png", n)
        watch(model, tmp_path / "in", tmp_path / "out", FAST)
    os.utime(tmp_path / "in" / "latest.png", (1_000_000_000, 1_000_000_000))
    assert watch(model, tmp_path / "in", tmp_path / "out", FAST) == {"counted": 3}
    rows = [row for row in counts(tmp_path / "out") if row["taxon"] == "red"]
    assert [row["count"] for row in rows] == ["0", "1", "2"]
    assert {row["time_source"] for row in rows} == {"file-modified"}


def test_a_file_that_is_still_written_waits(tmp_path: Path) -> None:
    file = put(tmp_path / "a.png")
    arrivals = Arrivals(tmp_path, 0.05)

    def look() -> list[str]:
        return [one.name for part in arrivals.listed() for one in arrivals.complete(part)]

    assert look() == []
    for _ in range(3):
        time.sleep(0.06)
        file.write_bytes(file.read_bytes() + b"x")
        assert look() == []
    time.sleep(0.06)
    assert look() == ["a.png"]


def test_links_hidden_files_and_the_results_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png")
    put(tmp_path / "outside" / "b.png")
    put(tmp_path / "in" / ".hidden.png")
    put(tmp_path / "in" / "out" / "c.png")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "outside" / "b.png")
    (tmp_path / "in" / "links").symlink_to(tmp_path / "outside")
    arrivals = Arrivals(tmp_path / "in", 0.01, skip=tmp_path / "in" / "out")
    assert [one.name for part in arrivals.listed() for one in part] == ["a.png"]


def test_it_stops_and_goes_on_while_pictures_come(model: StreamModel, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    stop = threading.Event()
    seen: list[str] = []
    options = WatchOptions(settle_s=0.02, poll_s=0.02)
    thread = threading.Thread(
        target=watch,
        args=(model, folder, tmp_path / "out", options),
        kwargs={"stop": stop, "say": seen.append},
    )
    thread.start()
    for n in range(5):
        put(tmp_path / "spool.png", 1, grey=60 + n).replace(folder / f"2026-05-01T12-0{n}-00Z.png")
        time.sleep(0.03)
    until = time.monotonic() + 60
    while len(seen) < 5 and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    assert Counter(row["picture"] for row in counts(tmp_path / "out")) == {
        f"2026-05-01T12-0{n}-00Z.png": 3 for n in range(5)
    }


def test_two_watches_do_not_write_to_one_folder(model: StreamModel, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(StreamError, match="cannot go into the watched folder itself"):
        watch(model, tmp_path / "in", tmp_path / "in", FAST)
    stop = threading.Event()
    first = threading.Thread(
        target=watch, args=(model, tmp_path / "in", tmp_path / "out", WatchOptions()), kwargs={"stop": stop}
    )
    first.start()
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "out" / "status.json").exists() and time.monotonic() < until:
            time.sleep(0.02)
        with pytest.raises(StreamError, match="Another watch"):
            watch(model, tmp_path / "in", tmp_path / "out", FAST)
    finally:
        stop.set()
        first.join()


@settings(max_examples=10)
@given(
    blocks=st.lists(
        st.lists(
            st.binary(min_size=1, max_size=12).map(lambda b: b.replace(b"\n", b"") + b"\n"),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=6,
    ),
    torn=st.integers(0, 40),
    at=st.integers(0, 5),
)
def test_a_torn_block_is_written_once(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[bytes]], torn: int, at: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    header = b"column\n"
    for number, rows in enumerate(blocks):
        with Journal(folder) as journal:
            block = Block("t.csv", header, b"".join(rows))
            journal.count(Seen(f"{number}", 1, 1), f"{number}", "", "", [block], ["counted"])
            if number == at:
                # The process died after it wrote the beginning of what waits.
                text = block.rows if (folder / "t.csv").exists() else header + block.rows
                with (folder / "t.csv").open("ab") as stream:
                    stream.write(text[: min(torn, len(text))])
                continue
            journal.flush()
    with Journal(folder) as journal:
        journal.flush()
        assert not journal.told
    assert (folder / "t.csv").read_bytes() == header + b"".join(b"".join(rows) for rows in blocks)


def test_a_table_that_somebody_edited_is_added_to(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.count(Seen("a", 1, 1), "a", "", "", [Block("t.csv", b"h\n", b"1\n")], [])
        journal.flush()
        (tmp_path / "t.csv").write_bytes(b"h\n1\nnote")
        journal.count(Seen("b", 1, 1), "b", "", "", [Block("t.csv", b"h\n", b"2\n")], [])
        journal.flush()
        assert "changed by somebody else" in journal.told[0]
    assert (tmp_path / "t.csv").read_bytes() == b"h\n1\nnote\n2\n"


def test_a_damaged_journal_is_told(model: StreamModel, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "watch.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StreamError, match=r"watch\.sqlite cannot be used"):
        watch(model, tmp_path / "in", tmp_path / "out", FAST)


def test_more_files_than_may_wait_are_all_counted(
    model: StreamModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(12):
        put(tmp_path / "in" / f"cam{n % 2}" / f"{n}.png", 1, grey=50 + n)
    monkeypatch.setattr(watching, "Arrivals", functools.partial(Arrivals, most=3))
    assert watch(model, tmp_path / "in", tmp_path / "out", FAST) == {"counted": 12}


def test_a_full_disk_is_a_sentence_and_nothing_is_lost(
    model: StreamModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "in" / "2026-05-01T12-00-00Z.png")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tidelab.streams.watch.journal.os.fsync", full)
        with pytest.raises(StreamError, match="is full"):
            watch(model, tmp_path / "in", tmp_path / "out", FAST)
    assert watch(model, tmp_path / "in", tmp_path / "out", FAST) == {"counted": 1}
    assert [row["taxon"] for row in counts(tmp_path / "out")] == list(LABELS)


def test_predictions_of_runs_are_used_and_new_ones_kept_on_request(
    model: StreamModel, tmp_path: Path
) -> None:
    put(tmp_path / "in" / "a.png", 2)
    calls = model.use_case.folder / "calls.txt"
    keep = WatchOptions(settle_s=0.02, poll_s=0.02, once=True, keep_predictions=True)
    for n, options in enumerate((FAST, keep, FAST)):
        watch(model, tmp_path / "in", tmp_path / f"out{n}", options)
    assert len(calls.read_text().split()) == 2  # the third took what the second kept
    assert [row["count"] for row in counts(tmp_path / "out2")] == ["2", "0", "0"]


def test_a_folder_that_goes_away_is_waited_for(model: StreamModel, tmp_path: Path) -> None:
    folder, stop, lines = tmp_path / "in", threading.Event(), list[str]()
    folder.mkdir()
    thread = threading.Thread(
        target=watch,
        args=(model, folder, tmp_path / "out", WatchOptions(settle_s=0.02, poll_s=0.02)),
        kwargs={"stop": stop, "say": lines.append},
    )
    thread.start()
    try:
        _until((tmp_path / "out" / "status.json").exists)
        folder.rename(tmp_path / "away")
        _until(lambda: any("cannot be listed now" in line for line in lines))
        put(tmp_path / "away" / "a.png")
        (tmp_path / "away").rename(folder)
        _until(lambda: any("a.png" in line for line in lines))
    finally:
        stop.set()
        thread.join(60)
    assert len(counts(tmp_path / "out")) == len(LABELS)


class Refusing:
    """Files that the disk refuses; `chmod` would not do: it refuses nothing to root."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.names, self.asked, read = set(names), Counter[str](), Looking.read

        def refuse(looking: Looking, file: Seen) -> Payload:
            self.asked[file.name] += 1
            if file.name in self.names:
                raise InputError(
                    "permission" if file.name.startswith("p") else "unreadable", detail="Stale handle"
                )
            return read(looking, file)

        monkeypatch.setattr(Looking, "read", refuse)


def failed(out: Path) -> list[str]:
    return [row["image"] for row in csv.DictReader((out / "failed_files.csv").open())]


def test_a_file_that_could_not_be_read_is_looked_at_again_at_the_next_start(
    model: StreamModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right is set later: neither size nor time of the file change. It is told once and counted once."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for n, name in enumerate(("p.png", "q.png", "whole.png")):
        put(folder / name, grey=60 + n)
    (folder / "half.png").write_bytes((folder / "p.png").read_bytes()[:60])
    refusing = Refusing(monkeypatch, "p.png", "q.png")
    assert watch(model, folder, out, FAST) == {"counted": 1, "broken": 3}
    assert refusing.asked == {"p.png": 3, "q.png": 3, "whole.png": 1, "half.png": 1}
    assert watch(model, folder, out, FAST) == {"counted": 1, "broken": 3}
    assert refusing.asked == {"p.png": 4, "q.png": 4, "whole.png": 1, "half.png": 1}
    refusing.names.remove("p.png")
    for _ in range(2):
        assert watch(model, folder, out, FAST) == {"counted": 2, "broken": 3}
    assert refusing.asked["p.png"] == 5
    assert sorted(failed(out)) == ["half.png", "p.png", "q.png"]
    assert Counter(row["picture"] for row in counts(out)) == {"p.png": 3, "whole.png": 3}


@pytest.mark.parametrize("patience_s", [60.0, 0.0])
def test_a_watch_goes_on_trying_a_file_that_could_not_be_read(
    model: StreamModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    """Within its patience nothing is told; without any it is told at once, and all the same looked at again without a new start."""
    folder, out, stop, lines = tmp_path / "in", tmp_path / "out", threading.Event(), list[str]()
    put(folder / "p.png")
    os.utime(folder, (1_000_000_000, 1_000_000_000))  # nothing happened there lately: it would not be listed
    refusing = Refusing(monkeypatch, "p.png")
    monkeypatch.setattr(watching, "_TRIED_AGAIN_S", (0.05, 0.1, patience_s))
    monkeypatch.setattr(watching, "_LOOKED_AGAIN_S", 0.1)
    thread = threading.Thread(
        target=watch,
        args=(model, folder, out, WatchOptions(settle_s=0.02, poll_s=0.02)),
        kwargs={"stop": stop, "say": lines.append},
    )
    thread.start()
    try:
        _until(lambda: refusing.asked["p.png"] >= 5)
        assert len(lines) == 1
        refusing.names.clear()
        _until(lambda: len(lines) == 2)
    finally:
        stop.set()
        thread.join(60)
    assert [row["count"] for row in counts(out)] == ["1", "0", "0"]
    assert ("It is tried again." in lines[0]) == bool(patience_s)
    assert (out / "failed_files.csv").exists() == (not patience_s)
    assert json.loads((out / "status.json").read_text())["totals"]["broken"] == (not patience_s)


def test_tries_are_farther_and_farther_apart_and_end() -> None:
    later, file, tries, now = Later(5, 60, 300), Seen("a.png", 1, 1), list[float](), 0.0
    while later.failed(file, now):
        assert later.ready([file], now) == []
        while not later.ready([file], now):
            assert later.due(now) == []
            now += 1
        assert later.due(now) == ["a.png"]
        assert later.due(now) == []
        tries.append(now)
    assert tries == [5, 15, 35, 75, 135, 195, 255, 315]
    assert not later
    assert later.failed(file, 1000)
    other = Seen("a.png", 2, 1)
    assert later.ready([other], 1000) == [other]
    assert later.failed(other, 2000), "a file that changed is another one, and has the whole patience"
    assert not Later(5, 60, 300, most=0).failed(file, 0)


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
