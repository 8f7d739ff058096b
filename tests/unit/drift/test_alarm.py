"""The chart over time: one for each place, an alarm that says since when, and no wolf."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tidelab.domain.verdict import Verdict
from tidelab.drift import DriftSettings, Timeline, alarm

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEKLY = DriftSettings(runs_per_year=52)


def told(timeline, scores, *, every=7.0, prefix="r", known=20, **place):
    for i, score in enumerate(scores):
        timeline.append(
            Verdict(state="green", headline="-", n_images=40, score=score, known_samples=known, mmd=i * 1e-3),
            use_case="u", model="m", version="1", model_digest="d", run=f"{prefix}{i}", time=START + timedelta(days=every * i),
            **place,
        )  # fmt: skip


def the_charts(tmp_path, settings=WEEKLY):
    return list(alarm.charts(Timeline(tmp_path).read("u"), settings))


def test_nothing_gives_no_chart(tmp_path):
    assert the_charts(tmp_path) == []
    told(Timeline(tmp_path), [None, None])
    assert the_charts(tmp_path) == []


def test_normal_runs_raise_no_alarm(tmp_path):
    told(Timeline(tmp_path), np.random.default_rng(4).normal(size=40).tolist())
    (chart,) = the_charts(tmp_path)
    assert not chart.alarm
    assert chart.since is chart.began is None
    assert chart.run_length == 52
    assert alarm.in_words(chart, WEEKLY).startswith(
        "No alarm (no site, camera or instrument known): after 40 runs"
    )


def test_a_slow_change_raises_an_alarm_that_says_since_when(tmp_path):
    """No run stands out by itself: each is one and a half standard deviations off."""
    told(Timeline(tmp_path), [-0.4, 0.3, -0.6, 0.2, -0.5, 0.1] + [1.5] * 6)
    (chart,) = the_charts(tmp_path)
    assert chart.alarm
    assert chart.began == START + timedelta(days=42)  # the first run that was off
    assert chart.began < chart.since <= START + timedelta(days=63)
    words = alarm.in_words(chart, WEEKLY)
    assert words.startswith(f"ALARM since {chart.since:%Y-%m-%d}")
    for part in ("lens, lamp, focus", "retrain", "1 false alarm a year at 52 runs a year (as declared)"):
        assert part in words


def test_an_alarm_ends_when_the_images_are_normal_again(tmp_path):
    told(Timeline(tmp_path), [2.5] * 4 + [-1.0] * 12)
    (chart,) = the_charts(tmp_path)
    assert (chart.sums > chart.limit).any()
    assert not chart.alarm


def test_each_site_and_camera_has_its_chart(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, [2.5] * 6, prefix="a", site="Ostend", camera="one")
    told(timeline, [0.0] * 6, prefix="b", site="Ostend", camera="two")
    told(timeline, [0.0] * 6, prefix="c")
    found = {chart.name: chart.alarm for chart in the_charts(tmp_path)}
    assert found == {
        "no site, camera or instrument known": False,
        "Ostend, one": True,
        "Ostend, two": False,
    }


def test_images_analysed_again_count_once(tmp_path):
    timeline = Timeline(tmp_path)
    told(timeline, [2.0], prefix="first")
    told(timeline, [2.0], prefix="again")
    (chart,) = the_charts(tmp_path)
    assert len(chart.sums) == 1


@pytest.mark.parametrize(
    ("settings", "every", "n", "rate", "observed"),
    [
        (DriftSettings(), 7.0, 4, 52.0, False),
        (DriftSettings(), 1.0, 40, 365.25, True),
        (DriftSettings(), 1.0, 20, 52.0, False),  # 19 days say little of a year
        (DriftSettings(runs_per_year=300), 7.0, 40, 300.0, False),
    ],
)
def test_the_limit_follows_from_the_runs_of_a_year(tmp_path, settings, every, n, rate, observed):
    told(Timeline(tmp_path), [0.0] * n, every=every)
    # Equal scores of different runs: the discrepancy tells them apart.
    (chart,) = the_charts(tmp_path, settings)
    assert (chart.runs_per_year, chart.observed) == (pytest.approx(rate), observed)


def test_fewer_false_alarms_need_a_higher_limit_and_rare_runs_a_floor(tmp_path):
    told(Timeline(tmp_path), [0.0] * 4)
    limits = [
        the_charts(tmp_path, DriftSettings(false_alarms_per_year=rate))[0].limit for rate in (0.1, 1, 4)
    ]
    assert limits == sorted(limits, reverse=True)
    rare = DriftSettings(runs_per_year=4)
    (chart,) = the_charts(tmp_path, rare)
    assert chart.run_length == 10
    assert "no more than one in 10 runs" in alarm.in_words(chart, rare)


def test_lines_of_an_older_version_are_read_and_have_no_score(tmp_path):
    timeline = Timeline(tmp_path)
    timeline.path.write_text(
        '{"time":"2026-05-01T00:00:00Z","use_case":"u","model":"m","version":"1","model_digest":"d","run":"old","flags":[],'
        '"state":"green","headline":"-","n_images":40,"n_reference":300,"unlike_share":0.01,"mmd":0.001,"p_value":0.4,'
        '"share_distance":0.1,"causes":[]}\n'
    )
    frame = timeline.read("u")
    assert frame["site"].tolist() == [""]
    assert frame.attrs["unreadable"] == 0
    assert the_charts(tmp_path) == []
    told(timeline, [0.5])
    (chart,) = the_charts(tmp_path)
    assert chart.runs["run"].tolist() == ["r0"]
