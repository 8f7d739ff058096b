"""What a data policy promises about files: ephemeral runs, their uploads and pictures go, and say so; others stay."""

import datetime
import json
import os
from pathlib import Path

import pytest

from tests.support.brightness import calls, grey_png
from tidelab.catalogue import UseCase, load_usecase
from tidelab.reports import views
from tidelab.runs import RunFolder, get_executor, list_runs, prepare
from tidelab.runs.policy import cache_file, own_cache, shared_cache, upload_hours, upload_name
from tidelab.runs.sweep import older_than, sweep

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def fleeting(use_case: UseCase) -> UseCase:
    file = use_case.folder / "usecase.yaml"
    file.write_text(file.read_text() + "data_policy: {kind: ephemeral, ephemeral_hours: 2}\n")
    return load_usecase(use_case.folder)


def upload(tmp_path: Path, hours: int | None = 2) -> list[Path]:
    folder = tmp_path / "runs" / ".uploads" / upload_name("20260101-000000-aaaaaaaa", hours)
    return [grey_png(folder / f"{value}.png", value) for value in (1, 2)]


def analysed(use_case: UseCase, images: object) -> RunFolder:
    folder = prepare(use_case, images=images, person="ada")  # type: ignore[arg-type]
    get_executor("inline").submit(folder)
    return folder


def test_nothing_of_an_ephemeral_analysis_is_left_after_its_hours(fleeting: UseCase, tmp_path: Path) -> None:
    folder = analysed(fleeting, upload(tmp_path))
    assert folder.state().status == "done"
    assert list((tmp_path / "runs" / ".uploads").iterdir()) == []
    assert not own_cache(tmp_path / "runs").exists()
    assert not (tmp_path / "data" / "usage" / "seen.sqlite").exists()
    ended = datetime.datetime.fromisoformat(folder.state().finished or "")
    sweep(tmp_path / "runs", ended + 1.9 * HOUR)
    assert folder.results().shape[0] == 2
    sweep(tmp_path / "runs", ended + 2 * HOUR)
    assert list_runs(fleeting) == []
    left = [path for path in (tmp_path / "runs").rglob("*") if path.is_file() and path.stat().st_size]
    assert left == []


def test_the_next_run_of_anything_sweeps(fleeting: UseCase, tmp_path: Path) -> None:
    folder = analysed(fleeting, "sample")
    (folder.path / ".ephemeral").write_text("0")
    analysed(fleeting, "sample")
    assert not folder.path.exists()
    assert len(calls(fleeting)) == 6  # nothing was known of the first


def test_an_ephemeral_run_that_goes_on_or_waits_is_not_swept(fleeting: UseCase, tmp_path: Path) -> None:
    folder = prepare(fleeting, person="ada")
    sweep(tmp_path / "runs")
    assert folder.path.exists()
    sweep(tmp_path / "runs", datetime.datetime.now(datetime.UTC) + 3 * HOUR)
    assert not folder.path.exists()


def test_a_run_that_is_kept_is_never_swept(use_case: UseCase, tmp_path: Path) -> None:
    images = upload(tmp_path, None)
    folder = analysed(use_case, images)
    sweep(tmp_path / "runs", datetime.datetime.now(datetime.UTC) + 10_000 * HOUR)
    assert folder.path.exists()
    assert images[0].exists()


def test_an_upload_nobody_analysed_goes_after_its_hours(tmp_path: Path) -> None:
    images = upload(tmp_path)
    sweep(tmp_path / "runs")
    assert images[0].exists()
    sweep(tmp_path / "runs", datetime.datetime.now(datetime.UTC) + 2 * HOUR)
    assert not images[0].parent.exists()


def test_a_stopped_ephemeral_run_promises_nothing(fleeting: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidelab.runs.execute.write_tables", lambda *_: 1 / 0)
    folder = analysed(fleeting, "sample")
    assert folder.state().message.endswith("Nothing of it is kept: it begins anew.")


def test_pictures_of_an_ephemeral_run_are_shown_in_the_app_alone(
    fleeting: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = analysed(fleeting, "sample")
    assert "data:image/jpeg" not in views.gallery(folder).html
    monkeypatch.setenv("VOILA_BASE_URL", "/")
    assert "data:image/jpeg" in views.gallery(folder).html


def test_pictures_of_a_run_that_is_kept_are_shown_everywhere(use_case: UseCase) -> None:
    assert "data:image/jpeg" in views.gallery(analysed(use_case, "sample")).html


def test_the_policy_stands_where_the_numbers_come_from(fleeting: UseCase) -> None:
    assert (
        "Not kept: uploads are removed when the analysis ends"
        in views.provenance(analysed(fleeting, "sample")).html
    )


def test_where_results_per_image_are_kept(tmp_path: Path) -> None:
    assert cache_file(tmp_path, "x", "private") == tmp_path / ".cache" / "results.sqlite"
    assert cache_file(tmp_path, "x", "shared") == cache_file(tmp_path, "x", "open") == shared_cache("x")
    assert cache_file(tmp_path, "x", "ephemeral") is None


@pytest.mark.parametrize(("hours", "name"), [(None, "stem"), (5, "stem-keep5h"), (168, "stem-keep168h")])
def test_an_upload_says_how_long_it_is_kept(hours: int | None, name: str) -> None:
    assert upload_name("stem", hours) == name
    assert upload_hours(name) == upload_hours(f"{name}.part") == hours


def test_old_runs_are_found_by_their_end(use_case: UseCase, tmp_path: Path) -> None:
    folder = analysed(use_case, "sample")
    now = datetime.datetime.now(datetime.UTC)
    assert older_than(tmp_path / "runs", 1, now) == []
    assert older_than(tmp_path / "runs", 1, now + 25 * HOUR) == [folder]
    (folder.path / "state.json").write_text("damaged")
    assert older_than(tmp_path / "runs", 1, now) == []
    assert older_than(tmp_path / "runs", 1, now + 25 * HOUR) == [folder]


def test_a_sweep_survives_whatever_lies_among_the_uploads(tmp_path: Path) -> None:
    uploads = tmp_path / "runs" / ".uploads"
    uploads.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (uploads / "x-keep1h").symlink_to(tmp_path / "elsewhere")
    (uploads / "y-keep1h").write_text("a file")
    os.mkfifo(uploads / "z-keep1h")
    sweep(tmp_path / "runs", datetime.datetime.now(datetime.UTC) + 5 * HOUR)
    assert (tmp_path / "elsewhere").exists()


def test_open_results_carry_their_licence(use_case: UseCase) -> None:
    file = use_case.folder / "usecase.yaml"
    file.write_text(file.read_text() + "data_policy: {kind: open, results_licence: CC-BY-4.0}\n")
    folder = analysed(load_usecase(use_case.folder), "sample")
    graph = json.loads((folder.path / "ro-crate-metadata.json").read_text())["@graph"]
    (licence,) = [entity for entity in graph if entity["@id"] == "#licence"]
    assert licence["name"] == "CC-BY-4.0"
    assert "CC-BY-4.0" in views.provenance(folder).html


def test_a_run_made_for_a_test_stays_out_of_the_timeline(use_case: UseCase, tmp_path: Path) -> None:
    analysed(use_case, "sample")
    (line,) = (tmp_path / "runs" / ".timeline.jsonl").read_text().splitlines()
    assert json.loads(line)["flags"] == ["demo", "sample", "test"]
