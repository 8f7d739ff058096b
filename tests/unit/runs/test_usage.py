"""Usage events: one for each run however often it is tried, countable by definition, and without a name."""

import io
import json
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.brightness import grey_png
from tests.unit.runs.conftest import Run
from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.domain.usage import UsageContext, UsageEvent
from tidelab.domain.usage_summary import GROUPS, chosen, distinct, summarise
from tidelab.pseudonyms import fingerprint, pseudonym, secret
from tidelab.runs import RunError, RunFolder, get_executor, prepare, usage
from tidelab.runs.usage import events_file, merge_events, read_events, record
from tidelab.runs.usage_context import usage_context

KEY = bytes(range(32))


def event(**fields: object) -> UsageEvent:
    values = {
        "event_id": uuid4(), "person": "a" * 32, "use_case": "plankton", "face": "lab", "seconds": 3600.0,
        "start": datetime(2026, 3, 31, 22, tzinfo=UTC), "end": datetime(2026, 3, 31, 23, tzinfo=UTC),
    }  # fmt: skip
    return UsageEvent(**(values | fields))  # type: ignore[arg-type]


def counts(folder: RunFolder) -> tuple[int, int, int, int]:
    found = json.loads((folder.path / "usage.json").read_text())
    return tuple(
        found[name] for name in ("images_ingested", "images_processed", "images_from_cache", "files_failed")
    )  # type: ignore[return-value]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for value in (10, 60, 128):
        grey_png(tmp_path / "in" / f"{value}.png", value)
    return tmp_path / "in"


def test_new_processed_known_and_failed_images_by_definition(run: Run, images: Path) -> None:
    (images / "copy.png").write_bytes((images / "10.png").read_bytes())
    (images / "broken.png").write_bytes(b"no picture")
    # Three contents, one of them twice; the copy is answered without asking the model.
    assert counts(run(images)) == (3, 3, 1, 1)
    assert counts(run(images)) == (0, 0, 4, 1)
    grey_png(images / "new.png", 200)
    assert counts(run(images, parameters={"threshold": 0.9})) == (1, 1, 4, 1)


def test_images_are_new_once_whoever_brings_them_and_whatever_was_deleted(
    use_case: UseCase, images: Path, tmp_path: Path
) -> None:
    from tidelab.runs.delete import delete_run

    found = []
    for person in ("ada", "bo", "ada"):
        folder = prepare(use_case, images=images, person=person, runs_root=tmp_path / person)
        get_executor("inline").submit(folder)
        found.append(counts(folder)[:2])
        delete_run(folder)
    assert found == [(3, 3), (0, 3), (0, 3)]


def test_a_run_that_dies_after_its_event_and_is_resumed_counts_once(
    use_case: UseCase, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare(use_case, images=images, person="ada")
    with monkeypatch.context() as patch:
        patch.setattr("tidelab.runs.execute.remember_verdict", lambda *_: 1 / 0)
        get_executor("inline").submit(folder)
    assert folder.state().status == "failed"
    get_executor("inline").submit(folder)
    assert folder.state().status == "done"
    assert len(events_file().read_text().splitlines()) == 2
    (only,), unreadable = read_events()
    assert unreadable == 0
    assert (only.images_ingested, only.images_processed, only.images_from_cache) == (3, 3, 0)
    # The second line says the same: what the first attempt computed is still this run's own work.
    assert counts(folder) == (3, 3, 0, 0)


def test_a_run_that_was_cut_short_counts_what_both_attempts_computed(
    use_case: UseCase, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidelab.runs.pipeline.BATCH_IMAGES", 1)
    folder = prepare(use_case, images=images, person="ada")
    with monkeypatch.context() as patch:
        patch.setattr("tidelab.runs.execute.write_tables", lambda *_: 1 / 0)
        get_executor("inline").submit(folder)
    get_executor("inline").submit(folder)
    assert folder.manifest()["counts"]["predicted"] == 0
    assert counts(folder) == (3, 3, 0, 0)


def test_the_event_names_nobody_no_file_and_no_address(run: Run, images: Path) -> None:
    images = images.rename(images.parent / "secret-cruise")
    run(images)
    text = events_file().read_text()
    assert "ada" not in text
    assert "secret-cruise" not in text
    assert ".png" not in text
    assert set(json.loads(text)) == set(UsageEvent.model_fields)
    assert events_file().stat().st_mode & 0o077 == 0
    ids = (images.parent / "data" / "usage" / "seen.sqlite").read_bytes()
    assert (run(images).results()["image_id"][0].removeprefix("sha256:")).encode() not in ids


def test_the_pseudonym_is_the_same_for_the_same_person_and_needs_the_key() -> None:
    assert pseudonym("ada", KEY) == pseudonym("ada", KEY) != pseudonym("bo", KEY)
    assert pseudonym("ada", KEY) != pseudonym("ada", KEY[::-1])
    assert pseudonym("ada", KEY) == "229fdfb0aabbf57d0f8a69a08462ccfd"  # HMAC-SHA256, by openssl
    assert fingerprint("x", KEY) != fingerprint("y", KEY)
    assert len(fingerprint("x", KEY)) == 16


def test_the_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    code = "from tidelab.pseudonyms import secret; print(secret().hex())"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ))
        for _ in range(3)
    ]
    assert len({process.communicate()[0] for process in processes}) == 1
    path = paths.data() / "usage" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]
    path.write_bytes(b"short")
    with pytest.raises(OSError, match="restore it from a backup"):
        secret()


def test_where_the_event_cannot_be_written_the_run_goes_on_and_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "usage").write_text("in the way")
    folder = run()
    assert folder.state().status == "done"
    assert "The usage event was not recorded" in folder.log()


def test_a_statistic_that_makes_no_sense_does_not_fail_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = usage.event_id
    monkeypatch.setattr(usage, "event_id", lambda slug, name: f"no id: {real(slug, name)}")
    monkeypatch.setattr(usage, "count_ingested", lambda *_, **__: 1)
    folder = run()
    assert folder.state().status == "done"
    assert "The usage event was not recorded in the data folder: 1 validation error" in folder.log()
    assert not events_file().exists()


def test_a_disk_that_takes_a_part_of_a_line_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(memoryview(data)[:7])

    with monkeypatch.context() as patch:
        patch.setattr(usage.os, "fdopen", lambda handle, *_, **__: Slow(handle, "r+b"))
        record(one := event())
    assert read_events() == ([one], 0)


def test_demonstrations_and_tests_are_never_real(
    use_case: UseCase, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDELAB_PURPOSE", raising=False)
    assert usage_context("ada").purpose == "real"
    assert usage_context("ada", demo=True).purpose == "demo"
    assert usage_context("ada", environ={"TIDELAB_PURPOSE": "test"}, demo=True).purpose == "test"
    # The model of this use case is a demonstration, whatever the images.
    assert prepare(use_case, images=images, person="ada").request.usage.purpose == "demo"
    own = shutil.copytree(use_case.folder / "model" / "demo", use_case.folder.parent / "own")
    (own / "card.json").write_text((own / "card.json").read_text().replace('"demo": true', '"demo": false'))
    asked = [prepare(use_case, images=one, model=str(own), person="ada") for one in (images, "sample")]
    assert [folder.request.usage.purpose for folder in asked] == ["real", "demo"]


def test_institution_and_country_come_from_the_profile_and_the_environment_wins(
    use_case: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = paths.profile("ada")
    profile.parent.mkdir(parents=True)
    profile.write_text('{"institution": "VLIZ\\n", "country": "be", "kind": "vessel"}')
    assert usage_context("ada", environ={}) == UsageContext(
        institution="VLIZ", country="BE", person_kind="vessel"
    )
    other = usage_context("ada", environ={"TIDELAB_COUNTRY": "pt", "TIDELAB_ACCESS": "virtual"})
    assert (other.country, other.institution, other.access) == ("PT", "VLIZ", "virtual")
    assert usage_context("bo", environ={}).country == ""
    monkeypatch.setenv("TIDELAB_COUNTRY", "Belgium")
    with pytest.raises(RunError, match="TIDELAB_COUNTRY must be the two-letter code"):
        prepare(use_case, person="ada")
    monkeypatch.delenv("TIDELAB_COUNTRY")
    for name in ("TIDELAB_PURPOSE", "TIDELAB_ACCESS", "TIDELAB_PERSON_KIND"):
        with pytest.raises(RunError, match=f"{name} is 'x'; it must be one of"):
            usage_context("ada", environ={name: "x"})


@given(st.binary(max_size=300))
def test_a_profile_that_cannot_be_read_says_nothing_and_stops_nobody(content: bytes) -> None:
    path = paths.profile("mallory")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    found = usage_context("mallory", environ={})
    assert found.country == "" or len(found.country) == 2


def test_lines_of_version_1_are_read_and_their_names_become_pseudonyms() -> None:
    old = {
        "schema_version": 1, "time": "2026-01-02T03:04:05.678Z", "run": "r1", "use_case": "plankton", "person": "ada",
        "face": "app", "model": "m", "model_version": "3", "model_digest": "sha256:00", "demo": False, "sample": False,
        "images": 5, "predicted": 2, "from_cache": 3, "failed_files": 1, "seconds": 4.5, "peak_mb": 100,
    }  # fmt: skip
    events_file().parent.mkdir(parents=True)
    lines = [
        json.dumps(old),
        json.dumps(old | {"run": "r2", "sample": True}),
        json.dumps(old),
        "{torn",
        "[1]",
    ]
    events_file().write_text("\n".join(lines))
    (first, second), unreadable = read_events()
    assert unreadable == 2
    assert first.person == pseudonym("ada", secret())
    assert (first.images_processed, first.images_from_cache, first.images_ingested) == (2, 3, None)
    assert (first.purpose, second.purpose) == ("real", "demo")
    assert (first.end - first.start).total_seconds() == 4.5
    record(event())  # after a line without its end
    assert len(read_events()[0]) == 3


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_lines_that_are_none_are_counted_and_never_raise(lines: list[bytes]) -> None:
    good = event().model_dump_json().encode()
    events_file().parent.mkdir(parents=True, exist_ok=True)
    events_file().write_bytes(b"\n".join([*lines, good]) + b"\n")
    found, unreadable = read_events()
    wanted = [line for part in lines for line in part.split(b"\n") if line.strip()]
    assert len(found) == 1
    assert unreadable == len(wanted)


def test_merging_the_events_of_a_ship_twice_adds_them_once(tmp_path: Path) -> None:
    mine, theirs = event(), [event(person_kind="vessel") for _ in range(3)]
    record(mine)
    brought = tmp_path / "ship.jsonl"
    brought.write_text("".join(one.model_dump_json() + "\n" for one in [*theirs, mine]) + "nonsense\n")
    merged = merge_events(brought)
    assert (merged.added, merged.known, merged.unreadable) == (3, 1, 1)
    again = merge_events(brought)
    assert (again.added, again.known) == (0, 4)
    receipt = tmp_path / "usage.json"
    receipt.write_text(event().model_dump_json(indent=2))
    assert merge_events(receipt).added == 1
    assert len(read_events()[0]) == 5
    with pytest.raises(FileNotFoundError):
        merge_events(tmp_path / "nowhere")


def test_totals_by_group_with_a_known_answer() -> None:
    events = [
        event(person="a" * 32, country="BE", images_ingested=10, images_processed=10, institution="VLIZ"),
        event(person="a" * 32, country="BE", images_ingested=0, images_processed=4, images_from_cache=6, use_case="otoliths"),
        event(person="b" * 32, country="PT", images_ingested=5, images_processed=5, files_failed=2,
              start=datetime(2026, 4, 1, tzinfo=UTC), end=datetime(2026, 4, 1, 0, 30, tzinfo=UTC)),
        event(person="c" * 32, person_kind="service", images_processed=100),
        event(person="d" * 32, purpose="test", images_processed=1000),
    ]  # fmt: skip
    real = chosen(events)
    assert len(real) == 4
    total = summarise(real)["all"]
    assert (len(total.people), len(total.machines), total.countries) == (2, 1, {"BE", "PT"})
    assert (total.events, total.images_ingested, total.images_processed) == (4, 15, 119)
    assert (total.images_from_cache, total.files_failed, total.ingested_unknown, total.without_country) == (
        6,
        2,
        1,
        1,
    )
    assert total.seconds == 4 * 3600
    by_month = summarise(real, "month")
    assert {name: len(group.people) for name, group in by_month.items()} == {"2026-03": 1, "2026-04": 1}
    assert list(summarise(real, "country")) == ["BE", "PT", "not given"]
    assert summarise(real, "use_case")["plankton"].images_ingested == 15
    assert [one.country for one in chosen(events, first=date(2026, 4, 1))] == ["PT"]
    assert len(chosen(events, last=date(2026, 3, 31))) == 3
    assert len(chosen(events, purpose="test")) == 1
    for name in GROUPS:
        assert sum(group.events for group in summarise(real, name).values()) == 4


@given(st.lists(st.integers(0, 5), max_size=20))
def test_an_event_counts_once_however_often_it_stands(numbers: list[int]) -> None:
    known = [event() for _ in range(6)]
    assert len(distinct(known[number] for number in numbers)) == len(set(numbers))


def test_a_server_in_a_container_records_under_the_pseudonym_that_the_hub_gave_it(
    use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = pseudonym("ada", secret())
    for user in ("ada", "eve"):
        monkeypatch.setenv("TIDELAB_USAGE", str(paths.user_usage(user)))
        monkeypatch.setenv("TIDELAB_USER", user)
        monkeypatch.setenv("TIDELAB_PSEUDONYM", mine)
        folder = prepare(use_case, images="sample", person=user, runs_root=tmp_path / user)
        get_executor("inline").submit(folder)
        assert (paths.user_usage(user) / "events.jsonl").is_file()
    monkeypatch.delenv("TIDELAB_USAGE")
    assert not events_file().exists()
    events, unreadable = read_events()
    # Eve's file claims to be Ada's: what lies in a home counts for its owner alone.
    assert [(event.person, event.purpose) for event in events] == [(mine, "test")]
    assert unreadable == 0


def test_a_link_or_a_pipe_in_a_home_is_not_followed(tmp_path: Path) -> None:
    secret()
    for user in ("ada", "bo"):
        paths.user_usage(user).mkdir(parents=True)
    (paths.user_usage("ada") / "events.jsonl").symlink_to("/dev/zero")
    os.mkfifo(paths.user_usage("bo") / "events.jsonl")
    assert read_events() == ([], 0)
