"""The published champions: one folder each, which apps and reports read without MLflow and without a token."""

import json
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from tidelab import paths
from tidelab.domain.card import ModelCard
from tidelab.models import BundleError, ModelBundle
from tidelab.tracking.bundles import CARD, write_durably

from .records import replace_durably, sync_folder

CHAMPION_FILE = "champion.json"


@dataclass(frozen=True)
class Champion:
    """What ``champion.json`` says.

    Parameters
    ----------
    registered_model
        The protected registered model.
    version
        Its version that the alias ``champion`` points to.
    digest
        ``sha256:<hex>`` of the bundle.
    folder
        Folder of the bundle, relative to the file.
    promoted_by, promoted_at, note
        Who confirmed it, when (ISO 8601 UTC) and why.
    previous
        Version that was champion before, or None.
    """

    registered_model: str
    version: str
    digest: str
    folder: str
    promoted_by: str
    promoted_at: str
    note: str
    previous: str | None


_Signature = tuple[tuple[str, int, int], ...]
_verified: dict[Path, tuple[str, _Signature]] = {}
"""Folders whose digests were compared, with the files as they were then: a champion is looked at every half minute."""


class Champions:
    """The folder of published champions of one registered model."""

    def __init__(self, registered_model: str) -> None:
        self.registered_model = registered_model
        self.folder = paths.champions() / paths.safe_name(registered_model)

    def current(self) -> Champion | None:
        """Return the published champion if there is one and its file can be read."""
        try:
            found = json.loads((self.folder / CHAMPION_FILE).read_text("utf-8"))
            return Champion(**{name: found[name] for name in Champion.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_whole(self, champion: Champion) -> bool:
        """Return whether a champion's files are still what was promoted; they are read only if they were touched."""
        place = self.folder / champion.folder
        signature = _signature(place)
        if signature and _verified.get(place) == (champion.digest, signature):
            return True
        whole = self._is(place, champion.digest)
        if whole:
            _verified[place] = (champion.digest, signature)
        else:
            _verified.pop(place, None)
        return whole

    def current_card(self) -> ModelCard | None:
        """Return the card of the published champion; None where there is none."""
        found = self.current()
        return self.card(found.folder) if found is not None else None

    def card(self, folder: str) -> ModelCard | None:
        """Return the card in a folder of this model, without looking at the other files."""
        try:
            return ModelCard.model_validate_json((self.folder / folder / CARD).read_bytes())
        except (OSError, ValueError):
            return None

    def versions(self) -> list[tuple[str, str]]:
        """Return version and folder of all that were published, newest first."""
        found = [(place.name.partition("-")[0], place.name) for place in self.folder.glob("[0-9]*-*")]
        return sorted(
            (pair for pair in found if pair[0].isdecimal()), key=lambda pair: int(pair[0]), reverse=True
        )

    def place(self, version: str, digest: str) -> Path:
        """Return the folder that holds, or will hold, a version."""
        return self.folder / f"{version}-{digest.removeprefix('sha256:')[:12]}"

    def store(self, version: str, bundle: ModelBundle) -> Path:
        """Copy a bundle to its place, in one step; nothing refers to it yet."""
        place = self.place(version, bundle.digest)
        if place.exists() and self._is(place, bundle.digest):
            return place
        staging = self.folder / f".staging-{secrets.token_hex(4)}"
        staging.mkdir(parents=True)
        try:
            for name in [*bundle.card.files, CARD]:
                write_durably(staging / name, (bundle.folder / name).read_bytes())
                (staging / name).chmod(0o444)
            sync_folder(staging)
            if place.exists():  # damaged: the registry's bytes are the truth
                place.replace(self.folder / f".staging-damaged-{secrets.token_hex(4)}")
            staging.replace(place)
            sync_folder(self.folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return place

    def publish(self, champion: Champion) -> None:
        """Make a stored version the champion: from here on, the next analysis uses it."""
        content = json.dumps(asdict(champion), indent=2, ensure_ascii=False) + "\n"
        replace_durably(self.folder / CHAMPION_FILE, content.encode())

    def withdraw(self) -> None:
        """Publish no champion; the folders stay."""
        (self.folder / CHAMPION_FILE).unlink(missing_ok=True)

    def remove_staging(self) -> None:
        """Remove what an interrupted copy left behind. Call it under the lock."""
        for leftover in self.folder.glob(".staging-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    @staticmethod
    def _is(place: Path, digest: str) -> bool:
        try:
            return ModelBundle.load(place).digest == digest
        except (BundleError, OSError):
            return False


def _signature(place: Path) -> _Signature:
    try:
        return tuple(
            (item.name, item.stat().st_size, item.stat().st_mtime_ns) for item in sorted(place.iterdir())
        )
    except OSError:
        return ()
