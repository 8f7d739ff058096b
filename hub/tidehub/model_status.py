"""Which model a use case answers with, and how good it is: read from the published champion's and the demo's files.

Only JSON is read here, with bounds; the hub never loads a model.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tidelab import paths
from tidelab.catalogue import UseCase

MAX_JSON_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class ModelStatus:
    """A use case's model in words.

    ``source`` is ``champion`` (promoted), ``demo`` (made from generated images, not for science) or ``none``.
    """

    source: Literal["champion", "demo", "none"]
    name: str
    quality: str
    detail: str = ""

    @property
    def is_demo(self) -> bool:
        """Whether the card must say DEMO MODEL."""
        return self.source == "demo"


def model_status(use_case: UseCase) -> ModelStatus:
    """Return the model that a use case's next analysis would use."""
    champion_folder = paths.champions() / paths.safe_name(use_case.model.registered_name)
    champion = _read_json(champion_folder / "champion.json")
    if champion is not None:
        bundle = _inside(champion_folder, champion.get("folder"))
        card = _read_json(bundle / "card.json") if bundle else None
        if card is not None:
            return _champion(champion, card)
    card = _read_json(use_case.demo_folder / "card.json") if use_case.demo_folder else None
    broken = "The published champion cannot be read, so it is not used. " if champion is not None else ""
    if card is not None:
        detail = (
            f"{broken}A demonstration model, trained on {_summary(card)}: never use its numbers for science."
        )
        return ModelStatus("demo", _text(card, "title") or use_case.slug, _quality(card), detail)
    return ModelStatus(
        "none", "No model yet", "", f"{broken}Train one with the retrain notebook and ask for its promotion."
    )


def _champion(champion: dict[str, Any], card: dict[str, Any]) -> ModelStatus:
    name = _text(card, "title") or _text(champion, "registered_model")
    version = champion.get("version")
    said = [f"version {version}"] if isinstance(version, str | int) else []
    if promoted_by := _text(champion, "promoted_by"):
        said.append(f"promoted by {promoted_by}")
    if promoted_at := _text(champion, "promoted_at")[:10]:
        said.append(f"on {promoted_at}")
    if card.get("demo") is True:
        return ModelStatus(
            "demo", name, _quality(card), "A demonstration model: never use its numbers for science."
        )
    return ModelStatus("champion", name, _quality(card), ", ".join(said))


def _quality(card: dict[str, Any]) -> str:
    """Say how good a model is only as far as its card says so."""
    quality = card.get("quality")
    if not isinstance(quality, dict):
        return "Quality not measured."
    measures = (("macro_f1", "macro F1"), ("weighted_f1", "weighted F1"), ("accuracy", "accuracy"))
    found = next(((words, quality[key]) for key, words in measures if _is_share(quality.get(key))), None)
    if found is None:
        return "Quality not measured."
    n_test = quality.get("n_test")
    kind = "generated test images" if card.get("demo") is True else "test images"
    images = f" on {n_test} {kind}" if isinstance(n_test, int) and n_test > 0 else ""
    return f"{found[0]} {found[1]:.2f}{images}"


def _summary(card: dict[str, Any]) -> str:
    return _text(card, "data_summary").rstrip(".") or "data its card does not describe"


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _inside(folder: Path, relative: object) -> Path | None:
    if not isinstance(relative, str) or not relative:
        return None
    found = (folder / relative).resolve()
    return found if found.is_relative_to(folder.resolve()) else None


def _read_json(file: Path) -> dict[str, Any] | None:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_JSON_BYTES + 1)
        record = json.loads(raw) if len(raw) <= MAX_JSON_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
