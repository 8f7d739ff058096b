"""One person at the review of the separations of one run: what the page is told, and what it may ask for. No widget, no browser.

Everything the page sends is a stranger's text: names and points are checked, the person is the kernel's knowledge, never the page's. An object is
asked for by its name and image_id and never by its place in the list, which moves whenever somebody names an object elsewhere.
"""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from PIL import Image
from pydantic import ValidationError

from tidelab.reports import numbers
from tidelab.runs import RunError, RunFolder
from tidelab.widgets.refusal import Refused as Refused
from zooscan.counted import Scans, is_candidate, rows, separated
from zooscan.decisions import MAX_LINES, MAX_POINTS, Decision, DecisionLog
from zooscan.features import measured
from zooscan.proposals import proposal
from zooscan.separation import MAX_PIXELS, Separation, apply, cut_of
from zooscan.separators import proposer, said_by
from zooscan.settings import ProcessSettings
from zooscan.store import Store, StoreError, object_id

Message = dict[str, Any]
Item = tuple[dict[str, Any], Store, int]
"""Facts of an object of the results, its scan and its number there."""

_MOST_ANSWERS: Final = 100
_TOO_LARGE: Final = (
    f"No lines are proposed for objects of more than {MAX_PIXELS // 10**6} megapixels: look at it by hand."
)
_VERBS: Final = {
    "keep": "The lines are kept",
    "refuse": "It is not cut",
    "draw": "It is cut along your lines",
}


class GoneError(Refused):
    """The object is not, or no longer, in the list: the page has an old one."""


class ReviewSession:
    """What one page does to the separations of one run.

    Parameters
    ----------
    run
        A finished run.
    person
        Who sits at the page.

    Raises
    ------
    RunError
        When files of the run are missing.
    """

    def __init__(self, run: RunFolder, person: str) -> None:
        self.run, self.person = run, person
        self.log = DecisionLog(run)
        self._by = proposer(run)
        self._scans = Scans(run)
        self._items: list[Item] = []
        self._answers: dict[str, Message] = {}
        self._gather()

    def close(self) -> None:
        """Close the files of the run."""
        self._scans.close()

    def index(self) -> Message:
        """Return what is to be looked at: names, scores and decisions, the likeliest multiples first."""
        self._gather()
        decisions = self.log.in_force()
        items = []
        for row, store, number in self._items:
            decision = decisions.get(row["image_id"])
            items.append(
                {
                    "name": _name(store, number), "image_id": row["image_id"], "score": round(row["multi_score"], 3),
                    "decision": decision.action if decision else "", "by": decision.person if decision else "",
                }
            )  # fmt: skip
        looked = sum(1 for item in items if item["decision"])
        words = (
            f"{numbers.count(looked)} of {numbers.plural(len(items), 'object')} looked at."
            if items
            else "No object of this run is a multiple."
        )
        by = f"Lines are proposed by {self._by}." if items else ""
        return {"kind": "index", "run": self.run.run_id, "items": items, "words": words, "by": by}

    def show(self, name: Any, image_id: Any) -> tuple[Message, list[bytes]]:
        """Return one object: its picture and the lines in force, as PNG, and what its parts measure; raises `Refused`."""
        row, store, number = self._item(name, image_id)
        decision = self.log.in_force().get(row["image_id"])
        try:
            how, cut, lines = self._cut(row, store, number, decision)
            crop, mask = store.pixels(number)
            sizes = self._sizes(store, number, cut)
        except StoreError as error:
            raise Refused(_lost(name, error)) from None
        message = {
            "kind": "object", "run": self.run.run_id, "name": name, "image_id": row["image_id"],
            "width": crop.shape[1], "height": crop.shape[0], "how": how, "by": decision.person if decision else "",
            "parts": sizes, "proposed": len(lines.parts), "pixel_mm": store.scan.pixel_mm, "note": _TOO_LARGE if lines.too_large else "",
        }  # fmt: skip
        shown = cut if cut is not None else lines
        return message, [_png(np.where(mask, crop, 255).astype(np.uint8)), _png(shown.cut)]

    def ask(self, content: Mapping[str, Any]) -> tuple[Message, bool]:
        """Do what the page asks for: ``decide`` or ``undo``; return the answer and whether something changed.

        A wish that is sent again gets the same answer and changes nothing: a page repeats it until it is answered.
        """
        wish = content.get("id")
        if not isinstance(wish, str) or not 0 < len(wish) <= 64:
            return {
                "kind": "refused",
                "id": "",
                "words": "The page sent something unreadable. Reload it.",
            }, False
        if wish in self._answers:
            return self._answers[wish], False
        try:
            answer: Message = {"kind": "done", "words": self._grant(content)}
        except (Refused, RunError) as error:
            answer = {"kind": "refused", "words": str(error), "gone": isinstance(error, GoneError)}
        answer |= {"id": wish, "run": self.run.run_id}
        self._answers[wish] = answer
        while len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        return answer, answer["kind"] == "done"

    # ---- wishes -------------------------------------------------------------------------------------------------

    def _grant(self, content: Mapping[str, Any]) -> str:
        if content.get("run") != self.run.run_id:
            raise Refused("Another analysis is shown now; nothing was saved. Reload the page.")
        if content.get("kind") == "undo":
            undone = self.log.undo(self.person)
            return (
                "Your last decision is taken back."
                if undone
                else "There is nothing of yours to undo in this run."
            )
        if content.get("kind") != "decide":
            raise Refused("The page asked for something that does not exist. Reload it.")
        action = content.get("action")
        if action not in ("keep", "refuse", "draw"):
            raise Refused("The page sent a decision that does not exist. Reload it.")
        lines = _lines(content.get("lines")) if action == "draw" else []
        row, store, number = self._item(content.get("name"), content.get("image_id"))
        try:
            return self._decide(row, store, number, action, lines)
        except StoreError as error:
            raise Refused(_lost(_name(store, number), error)) from None

    def _decide(
        self,
        row: Mapping[str, Any],
        store: Store,
        number: int,
        action: Literal["keep", "refuse", "draw"],
        lines: Sequence[Sequence[tuple[float, float]]],
    ) -> str:
        if action == "keep" and len(self._proposal(store, number).parts) < 2:
            raise Refused("No lines are proposed here: draw your own, or say that it is not to be cut.")
        if action == "draw" and not self._drawn(store, number, lines).parts:
            raise Refused("Nothing large enough to count would remain; nothing was saved. Draw fewer lines.")
        try:
            self.log.say(action, row["image_id"], self.person, lines, said_by(self.run))
        except ValidationError:
            raise Refused(
                "The lines cannot be kept: they have no or too many points. Draw them again."
            ) from None
        _, cut, _ = self._cut(row, store, number, self.log.in_force().get(row["image_id"]))
        return self._words(action, store, number, cut)

    def _words(self, action: str, store: Store, number: int, cut: Separation | None) -> str:
        parts = len(cut.parts) if cut is not None else 1
        words = f"{_VERBS[action]}: {numbers.plural(parts, 'object')}."
        if cut is not None:
            _, mask = store.pixels(number)
            left = int((mask & ~cut.cut).sum()) - sum(part.area_px for part in cut.parts)
            if left:
                least = ProcessSettings(**store.scan.settings).min_esd_mm
                words += f" {numbers.count(left)} pixels lie in parts smaller than {least:g} mm, which no longer count."
        return words

    def _drawn(self, store: Store, number: int, lines: Sequence[Sequence[tuple[float, float]]]) -> Separation:
        _, mask = store.pixels(number)
        return apply(mask, cut_of(lines, mask.shape), ProcessSettings(**store.scan.settings).min_area_px)

    def _cut(
        self, row: Mapping[str, Any], store: Store, number: int, decision: Decision | None
    ) -> tuple[str, Separation | None, Separation]:
        how, cut = separated(row, store, number, decision, self.run)
        lines = cut if cut is not None and how in ("proposed", "kept") else self._proposal(store, number)
        return how, cut, lines

    def _proposal(self, store: Store, number: int) -> Separation:
        return proposal(self.run, store, number)

    def _sizes(self, store: Store, number: int, cut: Separation | None) -> list[dict[str, float]]:
        one, side = store.scan.objects[number - 1], store.scan.pixel_mm
        if cut is None or not cut.cut.any():
            features = [one.features]
        else:
            crop, _ = store.pixels(number)
            features = []
            for part in cut.parts:
                x_px, y_px = one.x_px + part.x, one.y_px + part.y
                features.append(measured(crop[part.box], part.mask, x_px, y_px, side))
        return [
            {
                "area_px": int(each["Area"] or 0),
                "esd_mm": round(2 * math.sqrt((each["Area"] or 0) / math.pi) * side, 3),
            }
            for each in features
        ]

    def _gather(self) -> None:
        least, decided = float(self.run.request.parameters["multiple_score"]), self.log.in_force()
        found = [
            item
            for item in rows(self.run, self._scans)
            if is_candidate(item[0], least) or item[0]["image_id"] in decided
        ]
        self._items = sorted(found, key=lambda item: (-item[0]["multi_score"], item[1].scan.scan_id, item[2]))

    def _item(self, name: Any, image_id: Any) -> Item:
        for item in self._items:
            if _name(item[1], item[2]) == name:
                break
        else:
            shown = (
                name if isinstance(name, str) and name.isprintable() and len(name) <= 255 else "This object"
            )
            raise GoneError(
                f"{shown} is not in the list any more: somebody named it one animal, or took a decision back. Nothing was saved; the list "
                "is shown again."
            )
        if item[0]["image_id"] != image_id:
            raise GoneError(
                f"{name} is not the object that your page shows: the analysis was made again. Nothing was saved; the list is shown again."
            )
        return item


def _name(store: Store, number: int) -> str:
    return object_id(store.scan.scan_id, number)


def _lost(name: str, error: StoreError) -> str:
    return f"The pixels of {name} cannot be read: {error}. Nothing was saved. Run the analysis again."


def _lines(given: Any) -> Sequence[Sequence[tuple[float, float]]]:
    """Return lines as numbers; raises `Refused` for what is none."""
    if not isinstance(given, list) or not 0 < len(given) <= MAX_LINES:
        raise Refused("There are no lines, or too many. Draw a line across the neck between two animals.")
    lines = []
    for line in given:
        good = isinstance(line, list) and 2 <= len(line) <= MAX_POINTS
        if not good or not all(
            isinstance(point, list) and len(point) == 2 and all(map(_is_place, point)) for point in line
        ):
            raise Refused("A line has no or too many points, or points that are none. Draw it again.")
        lines.append([(float(x), float(y)) for x, y in line])
    return lines


def _is_place(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= 1e5


def _png(pixels: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
