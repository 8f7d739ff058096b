"""Verdicts are kept, in order, whatever happens to the machine."""

import json
import multiprocessing
from datetime import UTC, datetime, timedelta

import pytest

from tidelab.domain.verdict import StatisticTest, Verdict
from tidelab.drift import Timeline

START = datetime(2026, 5, 1, tzinfo=UTC)


def told(
    timeline, run, *, state="green", day=0, use_case="flowcam-plankton", version="1", flags=(), **numbers
):
    return timeline.append(
        Verdict(state=state, headline="A sentence.", n_images=50, **numbers),
        use_case=use_case, model=use_case, version=version, run=run, flags=flags, time=START + timedelta(days=day),
    )  # fmt: skip


def test_an_absent_timeline_is_an_empty_table(tmp_path):
    frame = Timeline(tmp_path / "never").read()
    assert frame.empty
    assert {"time", "use_case", "version", "state", "unlike_share"} <= set(frame.columns)
    assert not (tmp_path / "never").exists()


def test_verdicts_come_back_in_order_of_time(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, "b", day=2, state="red", unlike_share=0.4)
    told(timeline, "a", day=1)
    frame = timeline.read("flowcam-plankton")
    assert frame["run"].tolist() == ["a", "b"]
    assert frame["state"].tolist() == ["green", "red"]
    assert frame["unlike_share"].iloc[1] == 0.4
    assert str(frame["time"].dt.tz) == "UTC"


def test_causes_are_the_statistics_that_differ(tmp_path):
    tests = [
        StatisticTest(name=name, title=name, statistic=0.5, p_value=0.001, reference_median=1, median=2, differs=differs, plain="")
        for name, differs in (("brightness", True), ("sharpness", False))
    ]  # fmt: skip
    entry = told(Timeline(tmp_path), "a", statistic_tests=tests)
    assert entry.causes == ("brightness",)
    assert Timeline(tmp_path).read()["causes"].iloc[0] == ("brightness",)


def test_a_resumed_run_counts_once_with_its_last_verdict(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, "a", state="amber")
    told(timeline, "a", state="green")
    told(timeline, "a", state="red", use_case="other")
    assert timeline.read("flowcam-plankton")["state"].tolist() == ["green"]
    assert len(timeline.path.read_text().splitlines()) == 3


def test_use_case_model_and_version_are_kept_apart(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, "a", version="1")
    told(timeline, "b", version="2")
    told(timeline, "c", use_case="other")
    assert timeline.read("flowcam-plankton", version="2")["run"].tolist() == ["b"]
    assert timeline.read(model="other")["run"].tolist() == ["c"]
    assert len(timeline.read()) == 3


def test_demonstrations_and_tests_are_left_out_unless_asked_for(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, "real")
    told(timeline, "demo", flags=("demo", "sample"))
    told(timeline, "test", flags=("test",))
    assert timeline.read()["run"].tolist() == ["real"]
    assert sorted(timeline.read(flagged=True)["run"]) == ["demo", "real", "test"]


def test_a_torn_last_line_costs_that_line_only(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, "a")
    told(timeline, "b")
    whole = timeline.path.read_bytes()
    timeline.path.write_bytes(whole[:-30])
    frame = timeline.read()
    assert frame["run"].tolist() == ["a"]
    assert frame.attrs["unreadable"] == 1
    told(timeline, "c")
    assert timeline.read()["run"].tolist() == ["a", "c"]


@pytest.mark.parametrize("rubbish", ["{}", "null", "[1]", '{"time": 5}', "\x00\xff", '{"state": "purple"}'])
def test_foreign_lines_are_skipped_and_counted(tmp_path, rubbish):
    timeline = Timeline(tmp_path)
    told(timeline, "a")
    with timeline.path.open("a", encoding="latin-1") as stream:
        stream.write(rubbish + "\n")
    told(timeline, "b")
    frame = timeline.read()
    assert frame["run"].tolist() == ["a", "b"]
    assert frame.attrs["unreadable"] == 1


def test_a_field_of_a_newer_version_is_no_obstacle(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, "a")
    line = json.loads(timeline.path.read_text())
    timeline.path.write_text(json.dumps({**line, "new_field": 1}) + "\n")
    assert timeline.read()["run"].tolist() == ["a"]


def _write_many(root, name):
    for i in range(40):
        told(Timeline(root), f"{name}-{i}")


def test_runs_that_end_together_do_not_mix(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write_many, args=(tmp_path, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    frame = Timeline(tmp_path).read()
    assert len(frame) == 120
    assert frame.attrs["unreadable"] == 0


def test_only_the_person_can_read_it(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, "a")
    assert timeline.path.stat().st_mode & 0o077 == 0
