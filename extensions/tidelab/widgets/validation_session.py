"""One person at the validation grid of one run: what the page is told, and what it may ask for. No widget, no browser.

Everything the page sends is a stranger's text: rows, names and numbers are checked, the person is the kernel's knowledge, never the page's.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidelab.reports import numbers
from tidelab.reports.source import label_titles
from tidelab.runs import RunError, RunFolder
from tidelab.runs.validation import Validation
from tidelab.widgets.refusal import Refused as Refused

MOST_PICTURES: Final = 200
_MOST_ANSWERS: Final = 100
_TOP = re.compile(r"(.+?):(\d\.\d+)(?:;|$)", re.DOTALL)
_STATUS: Final = {"validate": "validated", "unknown": "unknown"}
_Row = tuple[int, str, int, int]

Message = dict[str, Any]


class Session:
    """What one page does to one run.

    Parameters
    ----------
    run
        A finished run.
    person
        Who sits at the page.

    Raises
    ------
    RunError
        When the run has no results or its log cannot be read.
    """

    def __init__(self, run: RunFolder, person: str) -> None:
        self.run, self.person = run, person
        self.validation = Validation(run)
        results = run.results()
        self._ids: list[str] = results["image_id"].tolist()
        self._facts: list[tuple[str, str, str]] = list(
            zip(
                results["image"].tolist(),
                results["sample_id"].tolist(),
                results["top5"].tolist(),
                strict=True,
            )
        )
        self._scores = [round(1000 * score) for score in results["score"].tolist()]
        self._labels: list[str] = list(self.validation.labels)
        self._index = {name: place for place, name in enumerate(self._labels)}
        self._predicted = [self._place(name) for name in results["label"].tolist()]
        self._rows: dict[str, list[int]] = {}
        for row, image_id in enumerate(self._ids):
            self._rows.setdefault(image_id, []).append(row)
        self._people: list[str] = []
        self._answers: dict[str, Message] = {}
        self._known: list[_Row] = [(place, "predicted", -1, 0) for place in self._predicted]
        self._position = -1

    def index(self) -> Message:
        """Return everything but the pictures and file names: a few hundred bytes for a hundred images."""
        self._known = self._state()
        self._position = self.validation.position
        titles = label_titles(self.run)
        return {
            "kind": "index",
            "run": self.run.run_id,
            "labels": self._labels,
            "titles": {name: titles[name] for name in self._labels if titles.get(name, name) != name},
            "predicted": self._predicted,
            "score": self._scores,
            **self._columns(self._known),
            "people": self._people,
            "audits": self._audits(),
            "words": self._welcome(),
        }

    def pictures(self, rows: Any) -> tuple[Message, list[bytes]]:
        """Return names, samples, likely classes and JPEG bytes of some rows; raises `Refused` for rows that are none."""
        wanted = self._checked_rows(rows, MOST_PICTURES)
        facts = [self._facts[row] for row in wanted]
        message = {
            "kind": "pictures",
            "run": self.run.run_id,
            "rows": wanted,
            "images": [image for image, _, _ in facts],
            "samples": [sample for _, sample, _ in facts],
            "top": [
                [(self._place(name), round(1000 * float(score))) for name, score in _TOP.findall(top)]
                for _, _, top in facts
            ],
        }
        return message, [self.run.thumbnail(self._ids[row]) for row in wanted]

    def ask(self, content: Mapping[str, Any]) -> tuple[Message, bool]:
        """Do what the page asks for: ``act``, ``undo`` or ``draw``.

        A wish that is sent again gets the same answer and changes nothing: a page repeats it until it is answered.

        Returns
        -------
        message
            ``done`` or ``refused``, with what changed and a sentence.
        changed
            Whether the names in force may be others now.
        """
        wish = content.get("id")
        if not isinstance(wish, str) or not 0 < len(wish) <= 64:
            return {"kind": "refused", "id": "", "run": self.run.run_id, "words": "The page sent something unreadable. Reload it."}, False  # fmt: skip
        if wish in self._answers:
            return self._answers[wish], False
        try:
            answer = {"kind": "done", **self._grant(content)}
        except (Refused, RunError) as error:
            answer = {"kind": "refused", "words": str(error)}
        except OSError as error:
            answer = {"kind": "refused", "words": f"This was not saved: {error.strerror}. Do it again."}
        answer |= {"id": wish, "run": self.run.run_id}
        try:
            answer["changes"] = self.changes()
        except RunError as error:
            answer |= {"kind": "refused", "words": str(error)}
        self._answers[wish] = answer
        while len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        return answer, answer["kind"] == "done"

    def news(self) -> Message | None:
        """Return what others did since the last look, None when nothing; ``closed`` when the run was deleted."""
        if not self.run.path.is_dir():
            return {
                "kind": "closed",
                "words": "This analysis was deleted. Choose another one, or analyse the images again.",
            }
        try:
            if self.validation.position == self._position:
                return None
            changes = self.changes()
        except RunError:
            # Said when the person does something; a page must not be told every few seconds.
            return None
        n = len(changes["rows"])
        return {
            "kind": "news",
            "run": self.run.run_id,
            "changes": changes,
            "words": f"Somebody else validated too: {numbers.plural(n, 'image')} changed.",
        }

    def changes(self) -> Message:
        """Return the rows whose name in force or whose person changed since the page was last told."""
        state = self._state()
        rows = [row for row, (old, new) in enumerate(zip(self._known, state, strict=True)) if old != new]
        self._known, self._position = state, self.validation.position
        columns = self._columns([state[row] for row in rows])
        return {"rows": rows, **columns, "people": self._people, "audits": self._audits()}

    # ---- wishes -------------------------------------------------------------------------------------------------

    def _grant(self, content: Mapping[str, Any]) -> Message:
        kind = content.get("kind")
        if content.get("run") != self.run.run_id:
            raise Refused("Another analysis is shown now; nothing was saved. Reload the page.")
        if kind == "undo":
            return {"words": self._undo()}
        if kind == "act":
            return {"words": self._act(content)}
        if kind == "draw":
            audit = self.validation.draw_audit(
                content.get("n"), content.get("seed"), self.person, content.get("design")  # type: ignore[arg-type]  # checked there
            )  # fmt: skip
            n = numbers.plural(len(audit.image_ids), "image")
            return {"audit": audit.audit_id, "words": f"{n} chosen at random. Look at each: Enter confirms the name, M moves, U is unknown."}  # fmt: skip
        raise Refused("The page asked for something that does not exist. Reload it.")

    def _act(self, content: Mapping[str, Any]) -> str:
        rows = self._checked_rows(content.get("rows"), len(self._ids))
        places = content.get("names")
        if not isinstance(places, list) or len(places) != len(rows):
            raise Refused("The page sent images without names; nothing was saved. Reload it.")
        if not all(type(place) is int and -1 <= place < len(self._labels) for place in places):
            raise Refused("The page sent a name that is no class of this run; nothing was saved. Reload it.")
        names = {
            self._ids[row]: self._labels[place] if place >= 0 else ""
            for row, place in zip(rows, places, strict=True)
        }
        audit = content.get("audit")
        self.validation.give(names, self.person, audit if isinstance(audit, str) and audit else None)
        return _words(str(content.get("verb")), [names[self._ids[row]] for row in rows])

    def _undo(self) -> str:
        undone = self.validation.undo(self.person)
        if not undone:
            return "There is nothing of yours to undo in this run."
        names = [event.label for event in undone for _ in event.image_ids]
        done = _as(names, "named") if any(names) else "marked unknown"
        return f"Taken back: {numbers.plural(len(names), 'image')} {done}."

    # ---- what the page is told ----------------------------------------------------------------------------------

    def _state(self) -> list[_Row]:
        words = self.validation.words()
        state = [(place, "predicted", -1, 0) for place in self._predicted]
        for image_id, word in words.items():
            known = (self._place(word.label), _STATUS[word.action], self._who(word.person), int(word.time.timestamp()))  # fmt: skip
            for row in self._rows.get(image_id, ()):
                state[row] = known
        return state

    def _audits(self) -> list[Message]:
        found = []
        for audit in self.validation.audits():
            # Of identical copies one is shown: they follow together.
            rows = {
                image_id: self._rows[image_id][0] for image_id in audit.image_ids if image_id in self._rows
            }
            checked = self.validation.checked(audit)
            found.append(
                {"id": audit.audit_id, "rows": list(rows.values()), "checked": [rows[i] for i in checked if i in rows]}
            )  # fmt: skip
        return found

    def _welcome(self) -> str:
        looked = sum(1 for row in self._known if row[1] != "predicted")
        if not looked:
            return "Nobody has looked at these images yet. Enter confirms the name of the marked image; ? lists all keys."
        return f"{numbers.count(looked)} of {numbers.plural(len(self._known), 'image')} looked at so far."

    def _columns(self, state: Sequence[_Row]) -> Message:
        return {name: [row[n] for row in state] for n, name in enumerate(("now", "status", "by", "at"))}

    def _place(self, name: str) -> int:
        return self._index.get(name, -1)

    def _who(self, person: str) -> int:
        if person not in self._people:
            self._people.append(person)
        return self._people.index(person)

    def _checked_rows(self, rows: Any, most: int) -> list[int]:
        if not isinstance(rows, list) or not 0 < len(rows) <= most:
            raise Refused("The page asked for no image, or too many at once. Reload it.")
        if not all(type(row) is int and 0 <= row < len(self._ids) for row in rows):
            raise Refused("The page asked for an image that is not of this run. Reload it.")
        return rows


def _words(verb: str, names: Sequence[str]) -> str:
    done = {"confirm": "confirmed", "move": "moved"}.get(verb, "named")
    joined = {"confirmed": "as", "moved": "to", "named": "as"}[done]
    images = numbers.plural(len(names), "image")
    if not any(names):
        return f"{images} marked unknown. Undo: Z"
    return f"{images} {done} {_as(names, joined)}. Undo: Z"


def _as(names: Sequence[str], word: str) -> str:
    counted = Counter(names).most_common()
    if len(counted) == 1:
        return f"{word} {counted[0][0] or 'unknown'}"
    shown = ", ".join(f"{numbers.count(n)} {word} {name or 'unknown'}" for name, n in counted[:5])
    rest = len(counted) - 5
    more = f" and {numbers.plural(rest, 'other class', 'other classes')}" if rest > 0 else ""
    return f"({shown}{more})"
