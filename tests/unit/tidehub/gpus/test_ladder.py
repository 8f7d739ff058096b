"""The ladder as a table: idle, warned, kept, wanted by others, too long, over quota; never taken without a warning."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidehub.gpus.ladder import Rules, Standing, Step, released_text, step, warning_text

MIN = 60.0
RULES = Rules(20 * MIN, 30 * MIN, 8 * 3600)


def at(minute: float, **standing: object) -> Step:
    """What happens at a minute to a lease that was used last at minute 0, warned when given."""
    given: dict[str, object] = {"started": 0.0, "last_use": 0.0, **standing}
    for name in ("kept_until", "warned"):
        if name in given:
            given[name] = float(given[name]) * MIN  # type: ignore[arg-type]
    return step(Standing(**given), RULES, minute * MIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minute", "standing", "kind", "release_minute"),
    [
        (0, {}, "leave", None),
        (19.9, {}, "leave", None),
        (20, {}, "warn", 30),
        (29.9, {"warned": 20}, "warn", 30),
        (30, {"warned": 20}, "release", 30),
        (30, {}, "warn", 40),  # nobody was told yet, e.g. after a restart of the service
        (31, {"warned": 29}, "warn", 39),
        # wanted by others: half the times
        (9.9, {"waiting": 1}, "leave", None),
        (10, {"waiting": 1}, "warn", 15),
        (15, {"waiting": 1, "warned": 10}, "release", 15),
        (18, {"waiting": 1}, "warn", 23),  # somebody came while it was idle for long: still a warning first
        # kept
        (31, {"kept_until": 85}, "leave", None),
        (74.9, {"kept_until": 85}, "leave", None),
        (75, {"kept_until": 85}, "warn", 85),
        (85, {"kept_until": 85, "warned": 75}, "release", 85),
        (14, {"kept_until": 85, "waiting": 3}, "leave", None),
    ],
)
def test_idle(minute: float, standing: dict[str, object], kind: str, release_minute: float | None) -> None:
    found = at(minute, **standing)
    assert found.kind == kind
    if release_minute is not None:
        assert found.release_at == pytest.approx(release_minute * MIN)
        assert found.reason == "idle"


@pytest.mark.parametrize(
    ("hour", "standing", "kind", "reason"),
    [
        (9, {"last_use": 9 * 3600.0}, "leave", "idle"),  # nobody waits
        (7.9, {"last_use": 7.9 * 3600, "waiting": 1}, "leave", "idle"),
        (7.95, {"last_use": 7.95 * 3600, "waiting": 1}, "warn", "age"),
        (9, {"last_use": 9 * 3600.0, "waiting": 1}, "warn", "age"),
        (9, {"last_use": 9 * 3600.0, "waiting": 1, "warned": 8.9 * 60}, "release", "age"),
        (9, {"last_use": 9 * 3600.0, "waiting": 1, "warned": 8.9 * 60, "kept_until": 600}, "release", "age"),
    ],
)
def test_too_long_while_others_wait(hour: float, standing: dict[str, object], kind: str, reason: str) -> None:
    found = at(hour * 60, **standing)
    assert (found.kind, found.reason) == (kind, reason)


def test_over_quota_is_warned_first_also_while_it_works() -> None:
    words = "ada used 10 of 10 GPU hours."
    assert at(5, last_use=5 * MIN, over_quota=words) == Step("warn", "quota", 15 * MIN)
    assert at(15, last_use=15 * MIN, over_quota=words, warned=5).kind == "release"


def test_zero_is_never() -> None:
    never = Rules(20 * MIN, 0)
    assert step(Standing(0, 0, waiting=5), never, 1e6).kind == "leave"
    assert step(Standing(0, 0, over_quota="x"), never, 1e6).kind == "warn"


def test_a_size_of_server_has_its_own_times() -> None:
    own = RULES.of_flavour(60, 2)
    assert (own.warning_s, own.release_s, own.longest_s) == (40 * MIN, 60 * MIN, 7200)
    assert RULES.of_flavour(None, None) == RULES


def test_a_warning_comes_before_the_release_whatever_was_set() -> None:
    odd = Rules(50 * MIN, 30 * MIN)
    assert odd.warning_s == 20 * MIN
    assert step(Standing(0, 0), odd, 20 * MIN).kind == "warn"


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.floats(1, 900), st.booleans(), st.integers(0, 2), st.booleans()), min_size=1, max_size=60
    )
)
def test_nothing_is_taken_without_a_warning_that_stood(turns: list[tuple[float, bool, int, bool]]) -> None:
    """Whatever happens in whatever order: a release has a warning that was shown for at least half the notice."""
    now, last, warned, kept = 0.0, 0.0, None, None
    for span, used, waiting, keep in turns:
        now += span
        if used:
            last = now
        if keep and warned is not None:
            kept, warned = now + 60 * MIN, None
        found = step(Standing(0.0, last, kept, warned, waiting), RULES, now)
        if found.kind == "warn":
            warned = now if warned is None else warned
            assert found.release_at > now - span
        elif found.kind == "leave":
            warned = None
        else:
            assert warned is not None
            assert now - warned >= RULES.notice_s / 2 - 1e-6
            if found.reason == "idle":
                assert now - last >= RULES.release_s / 2 - 1e-6
                assert kept is None or now >= kept
            return


def test_sentences_say_what_happens_and_what_stays() -> None:
    standing = Standing(0.0, 0.0, waiting=2)
    text = warning_text(step(standing, RULES, 1300.0), standing, 1300.0, RULES.longest_s)
    assert "Nothing has used your GPU for 22 min." in text
    assert "2 people are waiting for one." in text
    assert "your files stay" in text
    assert (
        released_text("idle", standing, 1800.0, 0) == "nothing had used it for 30 min and others were waiting"
    )
    assert "8 h" in released_text("age", standing, 0, RULES.longest_s)
