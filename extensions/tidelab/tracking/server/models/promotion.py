"""Asking, confirming, declining, restoring: each decision in steps that a crash may interrupt anywhere.

The order of a confirmation is what makes it safe. The copy goes into the registry and into its folder before anything
points to it; the alias is the decision; the published file follows it. Whatever a crash leaves behind, the old champion
stays valid, and :mod:`.reconcile` completes a decision whose alias was already set.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tidelab.catalogue import Catalogue, UnknownUseCaseError, UseCase, load_catalogue
from tidelab.domain.decision import Decision
from tidelab.models import ModelBundle
from tidelab.tracking.bundles import fetch_version
from tidelab.tracking.errors import TrackingError, TrackingUnavailableError
from tidelab.tracking.names import model_owner

from ..identity import Caller
from .champions import Champion, Champions
from .errors import RefusedError
from .records import PromotionRequest, Records, now
from .registry import Registry, Version
from .review import compared, review

MOST_PENDING = 5
"""Requests of one person that may wait at once in a use case: each keeps a copy of its bundle."""
LONGEST_NOTE = 2000
AT_ONCE = 2
"""Bundles that are fetched and tried at once: each may need gigabytes of memory while its model runs."""
_PATIENCE_S = 60.0

TAG_DIGEST = "tidelab.digest"
TAG_REQUEST = "tidelab.request"
TAG_FROM = "tidelab.from"
TAG_ASKED_BY = "tidelab.asked_by"
TAG_CONFIRMED_BY = "tidelab.confirmed_by"
TAG_CONFIRMED_AT = "tidelab.confirmed_at"
TAG_NOTE = "tidelab.note"


@dataclass
class Promotion:
    """The acts of the model service.

    Parameters
    ----------
    registry
        MLflow.
    records
        Requests and the log.
    catalogue
        Gives the use cases as they are now.
    reached
        Called with the name of each step just completed; a test ends the process there.
    """

    registry: Registry
    records: Records
    catalogue: Callable[[], Catalogue] = load_catalogue
    reached: Callable[[str], None] = lambda step: None
    _asking: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))

    def use_case(self, slug: str) -> UseCase:
        """Return a use case; raises ``RefusedError`` (404) naming the known ones."""
        try:
            return self.catalogue()[slug]
        except UnknownUseCaseError as error:
            raise RefusedError(str(error), 404) from None

    def ask(
        self,
        caller: Caller,
        slug: str,
        registered_model: str,
        version: str,
        note: str,
        decision: Decision | None = None,
    ) -> PromotionRequest:
        """Put a version before the maintainers: it is fetched, checked and kept as it is now.

        A `decision` is the comparison its author made. That it speaks of this very model is checked; its figures are not measured again.

        Raises
        ------
        RefusedError
            If the person may not ask for it, or the bundle is not fit.
        """
        use_case = self.use_case(slug)
        words = _words(note, "note", "what is better than the champion, and on which data")
        if caller.kind != "user":
            raise RefusedError("Only a person can ask for a promotion.", 403)
        if model_owner(registered_model) != caller.key or registered_model.partition("--")[0] != slug:
            raise RefusedError(
                f"You may ask for the promotion of your own model {slug}--{caller.key}, not of {registered_model!r}.",
                403,
            )
        if not version.isdecimal():
            raise RefusedError(f"version: expected a number, for example 1, got {version[:20]!r}.")
        with self._turn(caller):
            return self._ask(caller, use_case, registered_model, version, words, decision)

    def _ask(
        self,
        caller: Caller,
        use_case: UseCase,
        registered_model: str,
        version: str,
        words: str,
        decision: Decision | None,
    ) -> PromotionRequest:
        mine = [one for one in self.records.all() if one.status == "pending" and one.asked_by == caller.name]
        for one in mine:
            if (one.registered_model, one.version) == (registered_model, version):
                return one
        if sum(one.use_case == use_case.slug for one in mine) >= MOST_PENDING:
            raise RefusedError(
                f"{MOST_PENDING} of your requests are waiting already. Withdraw one first.", 429
            )
        identifier, folder = self.records.new_folder()
        try:
            fetch_version(self.registry.connection, registered_model, version, folder / "bundle")
            bundle, warnings = review(folder / "bundle", use_case)
            warnings += compared(decision, bundle, Champions(use_case.model.registered_name).current_card())
        except BaseException as error:
            self.records.discard(identifier)
            if isinstance(error, TrackingError) and not isinstance(error, TrackingUnavailableError):
                raise RefusedError(str(error), 422) from None
            raise
        request = PromotionRequest(
            id=identifier, use_case=use_case.slug, registered_model=registered_model, version=version, digest=bundle.digest,
            note=words, asked_by=caller.name, asked_at=now(), warnings=warnings, decision=decision,
        )  # fmt: skip
        self.records.save(request)
        self._audit(caller, "asked", request, words)
        return request

    @contextmanager
    def _turn(self, caller: Caller) -> Iterator[None]:
        """Let a person ask for one thing at a time, and only a few people at once."""
        with self._guard:
            if caller.key in self._asking:
                raise RefusedError(
                    "Another request of yours is being checked. Wait for its answer, then ask again.", 429
                )
            self._asking.add(caller.key)
        try:
            if not self._places.acquire(timeout=_PATIENCE_S):
                raise RefusedError(
                    "Other people's models are being checked at this moment. Ask again in a few minutes.", 503
                )
            try:
                yield
            finally:
                self._places.release()
        finally:
            with self._guard:
                self._asking.discard(caller.key)

    def confirm(self, caller: Caller, identifier: str, reason: str, acknowledged: bool) -> Champion:
        """Make a request's bundle the champion.

        Parameters
        ----------
        caller
            A maintainer of the use case.
        identifier
            Request.
        reason
            Why, for the log.
        acknowledged
            Whether the maintainer says to have read the request's warnings; needed if there are any.
        """
        words = _words(reason, "reason", "why this model should be the champion")
        with self.records.lock():
            request, use_case = self._decidable(caller, identifier)
            bundle, _ = review(self.records.bundle(request.id), use_case)
            warnings = self.warnings(request, bundle, use_case)
            if warnings and not acknowledged:
                raise RefusedError(
                    "Confirm that you have read what is said about this model: " + " ".join(warnings), 409
                )
            if bundle.digest != request.digest:
                raise RefusedError("The copy that was reviewed is damaged. Ask its author to ask again.", 422)
            self._audit(caller, "confirming", request, words)
            name = use_case.model.registered_name
            champions = Champions(name)
            tags = {
                TAG_DIGEST: request.digest, TAG_REQUEST: request.id, TAG_ASKED_BY: request.asked_by,
                TAG_FROM: f"{request.registered_model}/{request.version}", TAG_CONFIRMED_BY: caller.name,
                TAG_CONFIRMED_AT: now(), TAG_NOTE: words,
            }  # fmt: skip
            version = self._copied_before(name, request) or self.registry.copy_in(name, bundle, tags)
            self.reached("copied")
            champions.store(version, bundle)
            self.reached("stored")
            previous = champions.current()
            self.registry.set_champion(name, version)
            self.reached("alias")
            champion = Champion(
                registered_model=name, version=version, digest=request.digest,
                folder=champions.place(version, request.digest).name, promoted_by=caller.name, promoted_at=now(),
                note=words, previous=previous.version if previous else None,
            )  # fmt: skip
            champions.publish(champion)
            self.reached("published")
            self._decide(caller, request, "confirmed", words, version, _how(request))
        return champion

    @staticmethod
    def warnings(request: PromotionRequest, bundle: ModelBundle, use_case: UseCase) -> list[str]:
        """Return what must have been read before a request is confirmed now: the champion may have changed since it was asked."""
        champion = Champions(use_case.model.registered_name).current_card()
        return list(dict.fromkeys([*request.warnings, *compared(request.decision, bundle, champion)]))

    def decline(self, caller: Caller, identifier: str, reason: str) -> PromotionRequest:
        """Say no to a request, with the reason its author reads."""
        words = _words(reason, "reason", "what its author should know")
        with self.records.lock():
            request, _ = self._decidable(caller, identifier)
            return self._decide(caller, request, "declined", words)

    def withdraw(self, caller: Caller, identifier: str) -> PromotionRequest:
        """Take back one's own request."""
        with self.records.lock():
            request = self._pending(identifier)
            if caller.kind != "user" or request.asked_by != caller.name:
                raise RefusedError("Only the person who asked can withdraw a request.", 403)
            return self._decide(caller, request, "withdrawn", "")

    def restore(self, caller: Caller, slug: str, version: str, reason: str) -> Champion:
        """Make an earlier champion the champion again."""
        use_case = self.use_case(slug)
        self._may_decide(caller, use_case)
        words = _words(reason, "reason", "why the earlier champion should come back")
        name = use_case.model.registered_name
        with self.records.lock():
            champions = Champions(name)
            previous = champions.current()
            if previous is not None and previous.version == version:
                raise RefusedError(f"Version {version} is the champion already. Nothing was changed.", 409)
            if not version.isdecimal() or all(one.version != version for one in self.registry.versions(name)):
                raise RefusedError(f"{name} has no version {version[:20]!r}.", 404)
            self.records.audit(
                caller.name, "restoring", use_case=slug, registered_model=name, version=version, why=words
            )
            target = self.registry.version(name, version)
            champion = self.stored(use_case, target, caller.name, words, previous)
            self.reached("stored")
            self.registry.set_champion(name, version)
            self.reached("alias")
            champions.publish(champion)
            self.reached("published")
            self.records.audit(
                caller.name, "restored", use_case=slug, registered_model=name, version=version, why=words
            )
        return champion

    def stored(
        self, use_case: UseCase, target: Version, who: str, note: str, previous: Champion | None
    ) -> Champion:
        """Bring a version of the protected model to its folder, checked, and return what to publish. Under the lock."""
        champions = Champions(target.name)
        champions.remove_staging()
        place = champions.folder / f".staging-fetch-{target.version}"
        bundle = fetch_version(self.registry.connection, target.name, target.version, place)
        bundle, _ = review(place, use_case)
        stored = champions.store(target.version, bundle)
        champions.remove_staging()
        return Champion(
            registered_model=target.name, version=target.version, digest=bundle.digest, folder=stored.name, promoted_by=who,
            promoted_at=now(), note=note, previous=previous.version if previous else None,
        )  # fmt: skip

    def left_open(self, target: Version | None) -> list[PromotionRequest]:
        """Return pending requests whose bundle is the champion: their confirmation was interrupted after the alias was set."""
        wanted = target.tags.get(TAG_REQUEST) if target is not None else None
        return [one for one in self.records.all() if one.status == "pending" and one.id == wanted]

    def complete_left_open(self, target: Version | None) -> None:
        """Close such requests in the name of who confirmed them. Under the lock."""
        for request in self.left_open(target):
            assert target is not None
            who = Caller(target.tags.get(TAG_CONFIRMED_BY, "unknown"), "user")
            note = target.tags.get(TAG_NOTE, "")
            self._decide(who, request, "confirmed", note, target.version, "after an interruption")

    def _copied_before(self, name: str, request: PromotionRequest) -> str | None:
        """Return the version that an interrupted confirmation of the same request left in the registry."""
        if not self.registry.has_model(name):
            return None
        for one in self.registry.versions(name):
            if one.tags.get(TAG_REQUEST) == request.id and one.tags.get(TAG_DIGEST) == request.digest:
                return one.version
        return None

    def _pending(self, identifier: str) -> PromotionRequest:
        request = self.records.get(identifier)
        if request.status != "pending":
            said = f"{request.status} by {request.decided_by} on {request.decided_at[:10]}"
            raise RefusedError(f"This request was {said}. Nothing was changed.", 409)
        return request

    def _decidable(self, caller: Caller, identifier: str) -> tuple[PromotionRequest, UseCase]:
        request = self.records.get(identifier)
        use_case = self.use_case(request.use_case)
        self._may_decide(caller, use_case)
        return self._pending(identifier), use_case

    @staticmethod
    def _may_decide(caller: Caller, use_case: UseCase) -> None:
        if not caller.maintains(use_case.maintainers_group):
            raise RefusedError(
                f"Only a maintainer of {use_case.title} may do this: a hub administrator or a member of the hub group "
                f"{use_case.maintainers_group}.", 403,
            )  # fmt: skip

    def _decide(
        self,
        caller: Caller,
        request: PromotionRequest,
        status: str,
        reason: str,
        version: str = "",
        how: str = "",
    ) -> PromotionRequest:
        decided = PromotionRequest.model_validate({
            **request.model_dump(), "status": status, "decided_by": caller.name, "decided_at": now(), "reason": reason,
            "champion_version": version,
        })  # fmt: skip
        self.records.save(decided)
        self._audit(caller, f"{status} {how}".strip(), decided, reason)
        return decided

    def _audit(self, caller: Caller, what: str, request: PromotionRequest, why: str) -> None:
        self.records.audit(
            caller.name, what, use_case=request.use_case, registered_model=request.registered_model,
            version=request.version, request=request.id, digest=request.digest,
            champion_version=request.champion_version, why=why,
        )  # fmt: skip


def _how(request: PromotionRequest) -> str:
    """Return what the log says of a confirmation that the comparison does not support."""
    if request.decision is None:
        return "without a comparison"
    return "" if request.decision.recommended else "against the recommendation"


def _words(text: str, field: str, meaning: str) -> str:
    words = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text).strip()
    if not words:
        raise RefusedError(f"{field} is empty. Say in a sentence {meaning}.")
    if len(words) > LONGEST_NOTE:
        raise RefusedError(
            f"{field} has {len(words)} characters, at most {LONGEST_NOTE} are kept. Shorten it."
        )
    return words
