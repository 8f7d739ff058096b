"""What the card says about the model: never more than its card file says."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidehub.model_status import model_status
from tidelab.catalogue import UseCase, load_catalogue


@pytest.fixture
def use_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path))
    found = load_catalogue()["flowcam-plankton"]
    # A use case without the committed demo, so that each test decides what is there.
    return found.model_copy().placed_in(tmp_path / "folder")


def write(file: Path, record: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(record if isinstance(record, str) else json.dumps(record))


def champion(champions: Path, **changes: Any) -> None:
    record = {
        "registered_model": "flowcam-plankton",
        "version": 3,
        "folder": "v3",
        "promoted_by": "ada",
        "promoted_at": "2026-05-02T10:00:00Z",
    }
    write(champions / "flowcam-plankton" / "champion.json", record | changes)


CARD = {"title": "Xception, 2026", "demo": False, "quality": {"macro_f1": 0.826, "n_test": 23}}


def test_the_champion_and_its_quality(use_case: UseCase, tmp_path: Path) -> None:
    champion(tmp_path)
    write(tmp_path / "flowcam-plankton" / "v3" / "card.json", CARD)
    status = model_status(use_case)
    assert (status.source, status.name, status.quality) == (
        "champion",
        "Xception, 2026",
        "macro F1 0.83 on 23 test images",
    )
    assert status.detail == "version 3, promoted by ada, on 2026-05-02"
    assert not status.is_demo


def test_a_demo_is_called_a_demo(use_case: UseCase) -> None:
    assert use_case.demo_folder is not None
    write(use_case.demo_folder / "card.json", CARD | {"demo": True, "data_summary": "1200 generated images."})
    status = model_status(use_case)
    assert status.is_demo
    assert "1200 generated images: never use its numbers for science" in status.detail
    assert status.quality == "macro F1 0.83 on 23 generated test images"


def test_a_promoted_demo_stays_a_demo(use_case: UseCase, tmp_path: Path) -> None:
    champion(tmp_path)
    write(tmp_path / "flowcam-plankton" / "v3" / "card.json", CARD | {"demo": True})
    assert model_status(use_case).is_demo


@pytest.mark.parametrize(
    "quality",
    [None, {}, {"macro_f1": None}, {"macro_f1": 7}, {"macro_f1": "0.9"}, {"macro_f1": True}, "good"],
)
def test_what_was_not_measured_is_not_said(use_case: UseCase, tmp_path: Path, quality: Any) -> None:
    champion(tmp_path)
    write(tmp_path / "flowcam-plankton" / "v3" / "card.json", CARD | {"quality": quality})
    assert model_status(use_case).quality == "Quality not measured."


@pytest.mark.parametrize("folder", ["../../elsewhere", "/etc", "", None, 3])
def test_a_champion_outside_its_folder_is_not_read(use_case: UseCase, tmp_path: Path, folder: Any) -> None:
    champion(tmp_path, folder=folder)
    write(tmp_path.parent / "elsewhere" / "card.json", CARD)
    assert model_status(use_case).source == "none"


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", "null", '"x"', "[" * 100_000, '{"a": "' + "x" * 3_000_000 + '"}']
)
def test_broken_files_are_said_in_words(use_case: UseCase, tmp_path: Path, content: str) -> None:
    champion(tmp_path)
    write(tmp_path / "flowcam-plankton" / "v3" / "card.json", content)
    status = model_status(use_case)
    assert status.source == "none"
    assert "cannot be read" in status.detail
