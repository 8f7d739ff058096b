"""What the pages show: champions, requests beside them, history. Reads, never changes."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tidelab.catalogue import UseCase
from tidelab.domain.card import ModelCard
from tidelab.models import BundleError, ModelBundle

from ..identity import Caller
from .champions import Champion, Champions
from .errors import RefusedError
from .promotion import Promotion
from .reconcile import Reconciler
from .records import PromotionRequest

HISTORY = 30


@dataclass(frozen=True)
class Measure:
    """One line of the comparison, for the request and the champion; None where it was not measured."""

    name: str
    request: float | None
    champion: float | None
    support: str = ""

    @property
    def difference(self) -> float | None:
        """Request minus champion."""
        return None if self.request is None or self.champion is None else self.request - self.champion


@dataclass(frozen=True)
class Earlier:
    """A version that was champion before."""

    version: str
    card: ModelCard | None


@dataclass(frozen=True)
class UseCaseView:
    """One use case on the page."""

    use_case: UseCase
    champion: Champion | None
    card: ModelCard | None
    problem: str
    pending: list[PromotionRequest]
    hidden: int
    earlier: list[Earlier]
    maintains: bool
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class RequestView:
    """One request on its page."""

    request: PromotionRequest
    use_case: UseCase
    card: ModelCard | None
    champion: Champion | None
    champion_card: ModelCard | None
    measures: list[Measure]
    same_test: bool
    warnings: list[str]
    maintains: bool
    mine: bool


class Overview:
    """Collects what a caller may see."""

    def __init__(self, promotion: Promotion, reconciler: Reconciler, prefix: str) -> None:
        self.promotion = promotion
        self.reconciler = reconciler
        self.records = promotion.records
        self.prefix = prefix

    def visible(self, caller: Caller) -> list[PromotionRequest]:
        """Return the requests that the caller asked or may decide."""
        catalogue = self.promotion.catalogue()
        groups = {slug: catalogue[slug].maintainers_group for slug in catalogue}
        return [
            one for one in self.records.all()
            if _is_mine(caller, one) or (one.use_case in groups and caller.maintains(groups[one.use_case]))
        ]  # fmt: skip

    def see(self, caller: Caller, identifier: str) -> PromotionRequest:
        """Return one request if the caller may see it; else it is as if it were not there."""
        found = [one for one in self.visible(caller) if one.id == identifier]
        return found[0] if found else self.records.get("none")

    def plain(self, request: PromotionRequest) -> dict[str, Any]:
        """Return a request as the API gives it."""
        return {**request.model_dump(), "url": f"{self.prefix}/requests/{request.id}"}

    def champions(self) -> dict[str, Any]:
        """Return the published champions as the API gives them."""
        found = {}
        for slug, use_case in self.promotion.catalogue().items():
            champion = Champions(use_case.model.registered_name).current()
            problem = self.reconciler.problems.get(slug)
            found[slug] = {
                "champion": asdict(champion) if champion else None,
                "problem": problem.text if problem else "",
            }
        return {"champions": found}

    def page(self, caller: Caller) -> list[UseCaseView]:
        """Return every use case with its champion, requests and history."""
        visible = {one.id for one in self.visible(caller)}
        pending = [one for one in self.records.all() if one.status == "pending"]
        views = []
        for slug, use_case in self.promotion.catalogue().items():
            champions = Champions(use_case.model.registered_name)
            champion = champions.current()
            here = [one for one in pending if one.use_case == slug]
            problem = self.reconciler.problems.get(slug)
            views.append(UseCaseView(
                use_case=use_case, champion=champion, card=champions.card(champion.folder) if champion else None,
                problem=problem.text if problem else "",
                pending=[one for one in here if one.id in visible],
                hidden=sum(one.id not in visible for one in here),
                earlier=_earlier(champions, champion), maintains=caller.maintains(use_case.maintainers_group),
                history=self.records.history(slug, HISTORY),
            ))  # fmt: skip
        return views

    def request(self, caller: Caller, identifier: str) -> RequestView:
        """Return one request beside the present champion."""
        request = self.see(caller, identifier)
        use_case = self.promotion.use_case(request.use_case)
        champions = Champions(use_case.model.registered_name)
        champion = champions.current()
        bundle = _bundle(self.records, request)
        card = bundle.card if bundle else None
        warnings = self.promotion.warnings(request, bundle, use_case) if bundle else request.warnings
        other = champions.card(champion.folder) if champion else None
        same = bool(card and other and card.data_digest and card.data_digest == other.data_digest)
        return RequestView(
            request=request, use_case=use_case, card=card, champion=champion, champion_card=other,
            measures=compare(card, other) if card else [], same_test=same, warnings=warnings,
            maintains=caller.maintains(use_case.maintainers_group), mine=_is_mine(caller, request),
        )  # fmt: skip

    def restore(self, caller: Caller, slug: str, version: str) -> dict[str, Any]:
        """Return what the page asks before an earlier champion comes back."""
        use_case = self.promotion.use_case(slug)
        if not caller.maintains(use_case.maintainers_group):
            raise RefusedError(f"Only a maintainer of {use_case.title} may restore a champion.", 403)
        champions = Champions(use_case.model.registered_name)
        current = champions.current()
        earlier = [one for one in _earlier(champions, current) if one.version == version]
        if not earlier:
            raise RefusedError(f"Version {version[:20]!r} was never published.", 404)
        return {"use_case": use_case, "current": current, "earlier": earlier[0]}


_TOTALS: Final = (
    ("mAP50-95", "map50_95"), ("mAP50", "map50"),
    ("Macro F1", "macro_f1"), ("Weighted F1", "weighted_f1"), ("Accuracy", "accuracy"),
    ("Expected calibration error", "expected_calibration_error"), ("Brier error", "brier_score"),
)  # fmt: skip
_OF_A_CLASS: Final = {
    True: (("AP50-95", "ap50_95"), ("Precision", "precision"), ("Recall", "recall")),
    False: (("F1", "f1"),),
}
"""What is shown of each class, of a detector and of a classifier."""


def compare(card: ModelCard, other: ModelCard | None) -> list[Measure]:
    """Return the measures of two cards side by side: the totals that either has, then those of each class."""
    ours, theirs = card.quality, other.quality if other else None
    detector = card.detection is not None
    found = [
        Measure(title, mine, its, f"{ours.n_test} images")
        for title, name in _TOTALS
        if name.startswith("map") is detector
        for mine, its in [(getattr(ours, name), getattr(theirs, name) if theirs else None)]
    ]
    things = "objects" if detector else "images"
    for label in dict.fromkeys([*card.labels, *(other.labels if other else ())]):
        mine, its = ours.per_class.get(label, {}), theirs.per_class.get(label, {}) if theirs else {}
        support = f"{int(mine['support'])} {things}" if "support" in mine else ""
        found += [
            Measure(f"{title} {label}", mine.get(name), its.get(name), support)
            for title, name in _OF_A_CLASS[detector]
        ]
    return found


def _bundle(records: Any, request: PromotionRequest) -> ModelBundle | None:
    try:
        return ModelBundle.load(records.bundle(request.id))
    except BundleError:
        return None


def _is_mine(caller: Caller, request: PromotionRequest) -> bool:
    return caller.kind == "user" and caller.name == request.asked_by


def _earlier(champions: Champions, current: Champion | None) -> list[Earlier]:
    """Return what was champion before, newest first. Its files are checked when it is restored, not for a list."""
    now = current.version if current else ""
    return [
        Earlier(version, champions.card(folder)) for version, folder in champions.versions() if version != now
    ]
