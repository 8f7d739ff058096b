"""Downloads: made when pressed, sent in pieces, told while they are made, and in words when they cannot be."""

import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.blobs import make_use_case as make_spots
from tidelab.exports import Exported, ExportError
from tidelab.reports import views
from tidelab.reports.views.downloads import Download, downloadable
from tidelab.runs import RunFolder, get_executor, prepare
from tidelab.runs.remake import remake_products
from tidelab.runs.validation import Validation
from tidelab.widgets import downloads as module
from tidelab.widgets.downloads import Downloads


class Heard(Downloads):
    """Downloads whose messages are kept instead of sent."""

    def __init__(self, *files: Download) -> None:
        self.messages: list[tuple[dict[str, Any], Any]] = []
        super().__init__(files)

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.messages.append((content, buffers))

    def press(self, name: str, offset: int = 0) -> dict[str, Any]:
        """Ask as the page does, and return the answer."""
        before = len(self.messages)
        self._receive(self, {"kind": "fetch", "file": name, "offset": offset}, [])
        until = time.monotonic() + 10
        while time.monotonic() < until:
            answers = [one for one, _ in self.messages[before:] if one["kind"] in ("piece", "wrong")]
            if answers and not self._making.locked():
                return answers[-1]
            time.sleep(0.005)
        raise AssertionError("no answer")


def offered(make: Any, **more: Any) -> Heard:
    return Heard(Download("a.zip", "A", "for a test", "application/zip", make, **more))


def test_a_large_file_comes_in_pieces_made_once_and_goes_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 10)
    monkeypatch.setattr(module, "_TELL_SECONDS", 0)
    made: list[Path] = []

    def make(progress: Any) -> Exported:
        progress(1, 2)
        made.append(tmp_path / "a.zip")
        made[-1].write_bytes(b"0123456789abcdefghijklm")
        return Exported(made[-1], ("One image was left out.",))

    widget = offered(make, passing=True)
    answer = widget.press("a.zip")
    while answer["more"]:
        assert "notes" not in answer
        answer = widget.press("a.zip", answer["next"])
    pieces = [buffers[0] for content, buffers in widget.messages if content["kind"] == "piece"]
    assert (b"".join(pieces), len(pieces), len(made)) == (b"0123456789abcdefghijklm", 3, 1)
    assert answer["notes"] == ["One image was left out."]
    assert not made[0].exists()
    assert widget.messages[0][0]["text"] == "Preparing a.zip: 1 of 2 images…"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ExportError("No image is left."), "No image is left."),
        (OSError(28, "No space left on device"), "a.zip cannot be made: No space left on device"),
        (ZeroDivisionError("x"), "something went wrong that should not (ZeroDivisionError)"),
    ],
)
def test_what_goes_wrong_is_said_and_the_next_press_works(error: Exception, words: str) -> None:
    def make(progress: Any) -> Exported:
        raise error

    widget = offered(make)
    for _ in range(2):
        answer = widget.press("a.zip")
        assert answer["kind"] == "wrong"
        assert words in answer["text"]


def test_a_file_that_cannot_be_had_shows_its_reason_and_is_never_made() -> None:
    def make(progress: Any) -> Exported:
        raise AssertionError("made")

    widget = offered(make, reason="No sample has a position.")
    assert widget.files[0]["reason"] == "No sample has a position."
    widget._receive(widget, {"kind": "fetch", "file": "a.zip", "offset": 0}, [])
    assert widget.messages == []


@pytest.mark.parametrize(
    "content", [{}, {"kind": "fetch", "file": "b.zip", "offset": 0}, {"kind": "fetch", "file": "a.zip", "offset": -1},
                {"kind": "fetch", "file": "a.zip", "offset": "0"}, {"kind": "fetch", "file": ["a.zip"], "offset": 0},
                {"kind": "fetch", "file": "a.zip", "offset": 5}]
)  # fmt: skip
def test_what_a_browser_may_not_ask_is_passed_over(content: dict[str, Any]) -> None:
    widget = offered(lambda progress: Exported(Path("/etc/passwd")))
    widget._receive(widget, content, [])
    assert widget.messages == []


def test_a_download_is_of_one_file_though_it_is_made_anew_or_the_run_is_deleted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 4)
    path = tmp_path / "a.zip"
    contents = iter((b"first one", b"another"))

    def make(progress: Any) -> Exported:
        fresh = tmp_path / "fresh"
        fresh.write_bytes(next(contents))
        fresh.replace(path)
        return Exported(path)

    one, other = offered(make, passing=True), offered(make, passing=True)
    answer = one.press("a.zip")
    assert other.press("a.zip")["more"]
    # Nothing lies about if the page is closed now.
    assert list(tmp_path.iterdir()) == []
    tmp_path.rmdir()
    while answer["more"]:
        answer = one.press("a.zip", answer["next"])
    assert b"".join(buffers[0] for _, buffers in one.messages) == b"first one"
    assert not one._ready
    assert other._ready


def test_a_position_beyond_any_file_ends_the_download_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 4)
    (tmp_path / "a.zip").write_bytes(b"some bytes")
    widget = offered(lambda progress: Exported(tmp_path / "a.zip"))
    assert widget.press("a.zip")["more"]
    assert "cannot be read" in widget.press("a.zip", 2**70)["text"]
    assert not widget._ready


NAMES = """
def names(run):
    persons = sorted(set(run.run.determinations()["validated_by"]) - {""})
    if "bob" in persons:
        raise ValueError("no tide today")
    return [ProductFile(run.write("names.csv", ",".join(persons)), "Names", "text/csv")]
"""


class Offered(Heard):
    """The buttons of a run."""

    def __init__(self, run: RunFolder) -> None:
        self.messages = []
        Downloads.__init__(self, downloadable(run), run)

    def remake(self) -> str:
        """Press the button, and return what is said when it is over."""
        self._receive(self, {"kind": "remake"}, [])
        until = time.monotonic() + 20
        while time.monotonic() < until:
            said = [one["text"] for one, _ in self.messages if one["kind"] == "made"]
            if said and not self._making.locked():
                self.messages.clear()
                return str(said[-1])
            time.sleep(0.005)
        raise AssertionError("no answer")


def test_files_older_than_what_people_said_are_offered_to_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_spots(tmp_path / "usecases", products=["blob_case.hooks:names"])
    hooks = case.source_folder / "blob_case" / "hooks.py"
    hooks.write_text(hooks.read_text() + NAMES)
    for name in [name for name in sys.modules if name.split(".")[0] == "blob_case"]:
        monkeypatch.delitem(sys.modules, name)
    run = prepare(case, person="ada")
    get_executor("inline").submit(run)
    widget = Offered(run)
    assert widget.old == ""
    widget._receive(widget, {"kind": "remake"}, [])
    assert not widget.messages, "what is not old is not made again"
    ids = run.results()["image_id"].tolist()
    Validation(run).confirm(ids, "ada")
    module.look_again(run)
    assert "the files do not hold it yet" in widget.old
    assert f"tidelab runs remake {run.run_id}" in views.downloads(run).text
    assert "made again" in widget.remake()
    assert widget.old == ""
    assert (run.path / "products" / "names.csv").read_text() == "ada"
    assert "runs remake" not in views.downloads(run).text

    Validation(run).confirm(ids, "bob")
    module.look_again(run)
    assert "no tide today" in widget.remake()
    assert "could not be made again" in widget.old
    (own,) = [one for one in widget.files if one["name"] == "names.csv"]
    assert own["detail"] == "made by this use case, before people said more"
    Validation(run).undo("bob")
    remake_products(run)
    assert widget.old == "", "made again elsewhere in this process, it is told"
    shutil.rmtree(run.path)
    module.look_again(run)
