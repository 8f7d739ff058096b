"""Which model a run uses: the published champion, the use case's demonstration model, or a person's own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tidelab import paths
from tidelab.models.bundle import ModelBundle
from tidelab.models.errors import ModelError

if TYPE_CHECKING:
    from tidelab.catalogue import UseCase

Source = Literal["champion", "demo", "own"]
CHAMPION_FILE: Final = "champion.json"


@dataclass(frozen=True)
class ResolvedModel:
    """A model and where it comes from.

    Parameters
    ----------
    bundle
        The checked bundle.
    source
        ``champion`` (published by a maintainer), ``demo`` (comes with the use case, made of generated images) or ``own``.
    name
        Registered name of a champion, the slug of a demo model, the name in the card of a person's own.
    version
        Registry version of a champion, else empty.
    """

    bundle: ModelBundle
    source: Source
    name: str
    version: str

    @property
    def is_demo(self) -> bool:
        """Whether its numbers mean nothing outside a demonstration."""
        return self.bundle.card.demo

    @property
    def words(self) -> str:
        """One sentence that stands above every number the model made."""
        if self.is_demo:
            return "Demo model: trained on generated pictures, not on real ones. It shows how Tidelab works; do not use its numbers."
        if self.source == "champion":
            return f"Model {self.name}, version {self.version}."
        return f"Your own model {self.name} ({self.bundle.folder}); it was not reviewed by the use case's maintainers."


def resolve_model(use_case: "UseCase", choice: str = "champion") -> ResolvedModel:
    """Find the model for a run.

    Parameters
    ----------
    use_case
        The use case.
    choice
        ``champion``: the published champion if there is one, else the demo model. ``demo``: the demo model. Anything else is the
        path of a bundle folder, a person's own model.

    Raises
    ------
    ModelError
        When there is no such model, it is damaged, or it was made for another use case.
    """
    wanted = choice.strip()
    if wanted == "champion":
        return _champion(use_case) or _demo(use_case)
    if wanted == "demo":
        return _demo(use_case)
    if not wanted:
        raise ModelError(
            "No model was chosen. Write 'champion', or the path of the folder of your own model."
        )
    bundle = ModelBundle.load(Path(wanted).expanduser())
    _check_use_case(use_case, bundle)
    return ResolvedModel(bundle, "own", bundle.card.name, "")


def _champion(use_case: "UseCase") -> ResolvedModel | None:
    name = use_case.model.registered_name
    home = paths.champions() / paths.safe_name(name)
    file = home / CHAMPION_FILE
    try:
        published = json.loads(file.read_text(encoding="utf-8"))
        folder = (home / published["folder"]).resolve()
        version, digest = str(published["version"]), str(published["digest"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{file} cannot be read ({error}), so the champion of {name} is unknown. "
            "A maintainer can publish it again on the models page; until then choose model 'demo'."
        ) from None
    if not folder.is_relative_to(home.resolve()):
        raise ModelError(
            f"{file}: `folder` leads out of {home}; the champion was not loaded. Publish it again."
        )
    bundle = ModelBundle.load(folder)
    if bundle.digest != digest:
        raise ModelError(
            f"The published champion of {name} in {folder} is not the model that was promoted (version {version}): its digest is "
            f"{bundle.digest[:19]}…, {CHAMPION_FILE} says {digest[:19]}…. A maintainer can publish it again on the models page."
        )
    _check_use_case(use_case, bundle)
    return ResolvedModel(bundle, "champion", name, version)


def _demo(use_case: "UseCase") -> ResolvedModel:
    demo = use_case.model.demo
    if demo is None:
        raise ModelError(
            f"{use_case.slug} has no published model and comes with no demo model. "
            "Train one with its retrain notebook and ask for its promotion, or choose the folder of your own model."
        )
    bundle = ModelBundle.load(use_case.folder / demo.folder)
    if not bundle.card.demo:
        raise ModelError(
            f"{bundle.folder / 'card.json'}: `demo` must be true for the model that comes with a use case."
        )
    return ResolvedModel(bundle, "demo", use_case.slug, "")


def _check_use_case(use_case: "UseCase", bundle: ModelBundle) -> None:
    if bundle.card.use_case != use_case.slug:
        raise ModelError(
            f"The model in {bundle.folder} was made for {bundle.card.use_case}, not for {use_case.slug}. Choose another model."
        )
