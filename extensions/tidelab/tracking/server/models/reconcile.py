"""The alias is the truth: make the published folder follow it, at start and every half minute.

That completes a promotion which a crash interrupted after the alias was set, and follows an administrator who set the alias
by hand in MLflow. What cannot be followed (no such file, a bundle that is not fit) leaves the published champion as it is and
is said in words on the page.
"""

import logging
import threading
from typing import NamedTuple

from tidelab.catalogue import UseCase
from tidelab.tracking.errors import TrackingError, TrackingUnavailableError

from .champions import Champions
from .errors import RefusedError
from .promotion import TAG_CONFIRMED_BY, TAG_NOTE, Promotion
from .registry import Version

SECONDS = 30.0
BY_HAND = "an administrator, in MLflow"
log = logging.getLogger(__name__)


class Problem(NamedTuple):
    """Why a published champion could not follow its alias."""

    use_case: str
    text: str


class Reconciler:
    """Compares alias and folder, and remembers what was wrong last time."""

    def __init__(self, promotion: Promotion) -> None:
        self.promotion = promotion
        self.problems: dict[str, Problem] = {}
        self._stop = threading.Event()

    def run_once(self) -> None:
        """Compare all use cases once. Never raises: each problem is kept for the page and tried again."""
        problems: dict[str, Problem] = {}
        for slug, use_case in self.promotion.catalogue().items():
            try:
                self._follow(use_case)
            except TrackingUnavailableError as error:
                problems[slug] = Problem(slug, f"{error} The published champion stays; this is tried again.")
            except (TrackingError, RefusedError, OSError) as error:
                problems[slug] = Problem(slug, f"{error} The published champion stays as it is.")
            except Exception:
                log.exception("Reconciling %s failed", slug)
                problems[slug] = Problem(
                    slug, "An unexpected error; see the service's log. The published champion stays."
                )
        for slug, problem in problems.items():
            if self.problems.get(slug) != problem:
                log.warning("%s: %s", slug, problem.text)
        self.problems = problems

    def start(self) -> None:
        """Reconcile now and from time to time, in a thread of its own."""
        threading.Thread(target=self._loop, name="reconcile", daemon=True).start()

    def stop(self) -> None:
        """End the thread after its present round."""
        self._stop.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                self.promotion.records.remove_unfinished()
                self.run_once()
            except Exception:
                log.exception("Reconciling failed")
            # Right after a start MLflow is often still starting: do not make people wait half a minute for it.
            self._stop.wait(3.0 if self.problems else SECONDS)

    def _follow(self, use_case: UseCase) -> None:
        name = use_case.model.registered_name
        registry = self.promotion.registry
        champions = Champions(name)
        if not registry.has_model(name):
            if champions.current() is not None:
                raise TrackingError(
                    f"MLflow has no registered model {name!r}, though a champion of it is published."
                )
            return
        target = registry.champion(name)
        if _same(champions, target) and not self.promotion.left_open(target):
            return
        with self.promotion.records.lock():
            target = registry.champion(name)  # again: a decision may have been in progress
            if target is None:
                self._withdraw(use_case, champions)
            elif not _same(champions, target):
                self._publish(use_case, champions, target)
            self.promotion.complete_left_open(target)

    def _publish(self, use_case: UseCase, champions: Champions, target: Version) -> None:
        who = target.tags.get(TAG_CONFIRMED_BY, BY_HAND)
        note = target.tags.get(TAG_NOTE, "The alias was set by hand.")
        previous = champions.current()
        champion = self.promotion.stored(use_case, target, who, note, previous)
        champions.publish(champion)
        self.promotion.records.audit(
            who, "published to follow the alias", use_case=use_case.slug, registered_model=target.name,
            version=target.version, digest=champion.digest, why=note,
        )  # fmt: skip

    def _withdraw(self, use_case: UseCase, champions: Champions) -> None:
        current = champions.current()
        if current is None:
            return
        champions.withdraw()
        self.promotion.records.audit(
            BY_HAND, "withdrawn to follow the alias", use_case=use_case.slug, registered_model=current.registered_model,
            version=current.version, digest=current.digest, why="The alias was removed.",
        )  # fmt: skip


def _same(champions: Champions, target: Version | None) -> bool:
    current = champions.current()
    if current is None or target is None:
        return current is None and target is None
    return current.version == target.version and champions.is_whole(current)
