"""Published champions, requests and the log: what survives, what is refused."""

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.tiny_model import tiny_bundle, tiny_onnx
from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.models import ModelBundle
from tidelab.tracking.server.models import records as records_module
from tidelab.tracking.server.models.champions import Champion, Champions
from tidelab.tracking.server.models.errors import RefusedError
from tidelab.tracking.server.models.records import PromotionRequest, Records, now
from tidelab.tracking.server.models.review import review

USE_CASE = load_catalogue()["flowcam-plankton"]
LABELS = USE_CASE.label_names


@pytest.fixture
def champions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Champions:
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path / "champions"))
    return Champions("flowcam-plankton")


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "promotion")


def champion(bundle: ModelBundle, folder: Path, version: str = "1") -> Champion:
    return Champion("flowcam-plankton", version, bundle.digest, folder.name, "maya", now(), "good", None)


def request(**changes: str) -> PromotionRequest:
    fields = {
        "id": "0123456789abcdef", "use_case": "flowcam-plankton", "registered_model": "flowcam-plankton--a", "version": "1",
        "digest": "sha256:0", "note": "n", "asked_by": "a", "asked_at": now(),
    }  # fmt: skip
    return PromotionRequest.model_validate({**fields, **changes})


def test_publish_and_read(champions: Champions, tmp_path: Path):
    assert champions.current() is None
    bundle = tiny_bundle(tmp_path / "bundle")
    place = champions.store("1", bundle)
    assert place.name == f"1-{bundle.digest.removeprefix('sha256:')[:12]}"
    assert champions.current() is None  # stored is not yet published
    made = champion(bundle, place)
    champions.publish(made)
    assert champions.current() == made
    assert champions.is_whole(made)
    assert champions.card(made.folder) == bundle.card
    assert champions.versions() == [("1", made.folder)]
    assert list(champions.folder.glob(".*")) == []
    assert champions.store("1", bundle) == place


def test_a_damaged_folder_is_noticed_and_replaced(champions: Champions, tmp_path: Path):
    bundle = tiny_bundle(tmp_path / "bundle")
    place = champions.store("1", bundle)
    made = champion(bundle, place)
    assert champions.is_whole(made)
    (place / "model.onnx").chmod(0o644)
    (place / "model.onnx").write_bytes(b"x" * (place / "model.onnx").stat().st_size)  # same size, other bytes
    assert not champions.is_whole(made)
    champions.store("1", bundle)
    assert champions.is_whole(made)
    assert not champions.is_whole(replace(made, digest="sha256:other"))
    assert not champions.is_whole(replace(made, folder="9-gone"))
    champions.remove_staging()
    assert list(champions.folder.glob(".*")) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "1"}'])
def test_a_champion_file_that_cannot_be_read_is_no_champion(champions: Champions, content: str):
    champions.folder.mkdir(parents=True)
    (champions.folder / "champion.json").write_text(content)
    assert champions.current() is None


def test_the_file_is_the_contract(champions: Champions, tmp_path: Path):
    bundle = tiny_bundle(tmp_path / "bundle")
    champions.publish(replace(champion(bundle, champions.store("3", bundle), "3"), previous="2"))
    found = json.loads((paths.champions() / "flowcam-plankton" / "champion.json").read_text())
    assert set(found) == {
        "registered_model",
        "version",
        "digest",
        "folder",
        "promoted_by",
        "promoted_at",
        "note",
        "previous",
    }


def test_a_decided_request_gives_up_its_copy(records: Records):
    place = records.bundle("0123456789abcdef")
    place.mkdir(parents=True)
    records.save(request())
    assert place.exists()
    records.save(request(status="declined"))
    assert not place.exists()
    assert records.get("0123456789abcdef").status == "declined"


@pytest.mark.parametrize(
    "identifier", ["", "..", "../../x", "0123456789ABCDEF", "x" * 16, "fedcba9876543210"]
)
def test_there_is_no_such_request(records: Records, identifier: str):
    with pytest.raises(RefusedError) as refused:
        records.get(identifier)
    assert refused.value.status == 404


def test_the_log_only_grows_and_a_torn_line_is_left_out(records: Records):
    records.audit("maya", "confirmed", use_case="a", why="line\nbreak <b>")
    with (records.folder / "audit.jsonl").open("a") as file:
        file.write('{"at": "2026')
    file_before = (records.folder / "audit.jsonl").read_text()
    assert [entry["why"] for entry in records.history("a")] == ["line\nbreak <b>"]
    assert records.history("b") == []
    records.audit("maya", "declined", use_case="b")
    assert (records.folder / "audit.jsonl").read_text().startswith(file_before)


def test_unfinished_requests_are_swept_when_old(records: Records):
    identifier, place = records.new_folder()
    records.remove_unfinished()
    assert place.exists()
    old = time.time() - 7200
    os.utime(place, (old, old))
    records.remove_unfinished()
    assert not place.exists()
    assert records.all() == []
    assert identifier


def _hold(folder: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with Records(folder).lock():
        ready.set()
        time.sleep(60)


def test_a_killed_holder_frees_the_lock_and_a_living_one_is_waited_for(
    records: Records, monkeypatch: pytest.MonkeyPatch
):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(records.folder, ready))
    holder.start()
    try:
        assert ready.wait(30)
        monkeypatch.setattr(records_module, "LOCK_SECONDS", 0.2)
        with pytest.raises(RefusedError, match="still in progress"), records.lock():
            pass
    finally:
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
    with records.lock():
        pass


def test_a_good_bundle_passes_and_its_gaps_are_said(tmp_path: Path):
    bundle = tiny_bundle(tmp_path / "good", labels=LABELS)
    checked, warnings = review(bundle.folder, USE_CASE)
    assert checked.digest == bundle.digest
    assert warnings == [
        "It has no drift reference: every verdict above its results will be grey (cannot tell)."
    ]
    other = tiny_bundle(
        tmp_path / "other",
        labels=(*LABELS[1:], "New"),
        macro_f1=None,
        change=lambda card: card.update(demo=True),
    )
    said = " ".join(review(other.folder, USE_CASE)[1])
    for words in ("demonstration model", LABELS[0], "New", "how good it is"):
        assert words in said


REFUSED = {
    "no softmax": (
        lambda folder: tiny_bundle(folder, labels=LABELS, model=tiny_onnx(len(LABELS), softmax=False)),
        "do not sum to 1",
    ),
    "damaged": (
        lambda folder: tiny_bundle(folder, labels=LABELS, model=tiny_onnx(len(LABELS))[:-40]),
        "cannot load it|sum|shape",
    ),
    "too few outputs": (lambda folder: tiny_bundle(folder, labels=LABELS, model=tiny_onnx(2)), "labels"),
    "other case": (lambda folder: tiny_bundle(folder, labels=LABELS, use_case="other-case"), "'other-case'"),
    "code": (lambda folder: tiny_bundle(folder, labels=LABELS, files={"predict.py": b"x"}), "never code"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_unfit_bundle_is_refused_in_words(tmp_path: Path, kind: str):
    make, words = REFUSED[kind]
    make(tmp_path / "bundle")
    with pytest.raises(RefusedError, match=words) as refused:
        review(tmp_path / "bundle", USE_CASE)
    assert refused.value.status == 422
    assert str(tmp_path) not in str(refused.value)


def test_files_beside_the_bundle_and_changed_files_are_refused(tmp_path: Path):
    bundle = tiny_bundle(tmp_path / "bundle", labels=LABELS)
    (bundle.folder / "extra.pkl").write_bytes(b"x")
    with pytest.raises(RefusedError, match=r"'extra\.pkl', which its card does not list"):
        review(bundle.folder, USE_CASE)
    (bundle.folder / "extra.pkl").unlink()
    (bundle.folder / "model.onnx").write_bytes(tiny_onnx(len(LABELS), seed=5))
    with pytest.raises(RefusedError, match="is not the file that was exported"):
        review(bundle.folder, USE_CASE)
