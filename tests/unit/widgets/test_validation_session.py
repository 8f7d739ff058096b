"""The grid's kernel side: what a page may ask for, and that nothing it sends is believed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.brightness import grey_png
from tidelab.runs import get_executor, prepare
from tidelab.runs.delete import delete_run
from tidelab.runs.validation import Validation
from tidelab.widgets.identity import Visitor
from tidelab.widgets.validation import ValidationGrid
from tidelab.widgets.validation_session import Refused, Session


@pytest.fixture
def folder(use_case, tmp_path):
    for grey in (20, 30, 130, 140, 240):
        grey_png(tmp_path / "in" / f"grey-{grey}.png", grey)
    grey_png(tmp_path / "in" / "zz-copy-of-20.png", 20)
    run = prepare(use_case, images=tmp_path / "in", person="ada")
    get_executor("inline").submit(run)
    return run


@pytest.fixture
def session(folder):
    return Session(folder, "ada")


class Page:
    """Wishes as a page sends them."""

    def __init__(self, session):
        self.session, self.number = session, 0

    def ask(self, **content):
        self.number += 1
        wish = {"run": self.session.run.run_id, "id": f"wish-{self.number}", **content}
        answer, _ = self.session.ask(json.loads(json.dumps(wish)))
        return json.loads(json.dumps(answer))

    def act(self, rows, names, verb="move", **more):
        return self.ask(kind="act", rows=rows, names=names, verb=verb, **more)


def test_the_index_is_small_plain_data_and_tells_the_model_s_names(session):
    index = json.loads(json.dumps(session.index()))
    assert index["labels"] == ["dark", "middle", "bright"]
    assert index["predicted"] == index["now"] == [0, 0, 1, 1, 2, 0]
    assert set(index["status"]) == {"predicted"}
    assert [0 <= score <= 1000 for score in index["score"]] == [True] * 6
    assert "Nobody has looked" in index["words"]


def test_pictures_come_with_names_and_likely_classes(session):
    message, pictures = session.pictures([4, 0])
    assert message["images"] == ["grey-240.png", "grey-20.png"]
    assert message["top"][0][0][0] == 2
    assert [label for label, _ in message["top"][1]] == [0, 1, 2]
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in pictures)


def test_acts_are_saved_for_the_kernel_s_person_and_copies_follow(session, folder):
    session.index()
    page = Page(session)
    answer = page.act([0, 2], [0, 1], "confirm", person="eve")
    assert answer["kind"] == "done"
    assert answer["words"] == "2 images confirmed (1 as dark, 1 as middle). Undo: Z"
    assert answer["changes"]["rows"] == [0, 2, 5], "the copy of the first image too"
    assert answer["changes"]["people"] == ["ada"]
    assert answer["changes"]["status"] == ["validated"] * 3
    assert page.act([1], [2])["words"] == "1 image moved to bright. Undo: Z"
    assert page.act([4], [-1], "unknown")["words"] == "1 image marked unknown. Undo: Z"
    assert {event.person for event in Validation(folder).events()} == {"ada"}
    assert folder.determinations()["label"].tolist() == ["dark", "bright", "middle", "middle", "", "dark"]
    assert page.ask(kind="undo")["words"] == "Taken back: 1 image marked unknown."
    assert page.ask(kind="undo")["words"] == "Taken back: 1 image named bright."
    assert page.ask(kind="undo")["words"] == "Taken back: 2 images (1 named dark, 1 named middle)."
    assert page.ask(kind="undo")["words"] == "There is nothing of yours to undo in this run."
    assert set(folder.determinations()["status"]) == {"predicted"}


def test_a_wish_sent_again_is_answered_again_and_done_once(session, folder):
    wish = {"kind": "act", "id": "a", "run": folder.run_id, "rows": [0], "names": [1], "verb": "move"}
    first, changed = session.ask(wish)
    second, changed_again = session.ask(wish)
    assert (first, changed, changed_again) == (second, True, False)
    assert len(Validation(folder).events()) == 1


def test_news_of_other_people_come_once(session, folder):
    session.index()
    assert session.news() is None
    Validation(folder).move(folder.results()["image_id"].tolist()[:1], "bright", "bob")
    news = session.news()
    assert news["changes"]["rows"] == [0, 5]
    assert news["changes"]["people"] == ["bob"]
    assert session.news() is None


def test_an_audit_is_drawn_shown_and_counted(session):
    page = Page(session)
    answer = page.ask(kind="draw", n=3, seed=1, design="stratified")
    (audit,) = answer["changes"]["audits"]
    assert (audit["id"], len(audit["rows"]), audit["checked"]) == (answer["audit"], 3, [])
    after = page.act(audit["rows"][:1], [0], "move", audit=audit["id"])
    assert after["changes"]["audits"][0]["checked"] == audit["rows"][:1]
    assert (
        "1 images cannot cover 3 classes" in page.ask(kind="draw", n=1, seed=1, design="stratified")["words"]
    )
    for wrong in (
        {"n": "3", "seed": 1},
        {"n": 3, "seed": None},
        {"n": 10**9, "seed": 1.5},
        {"n": [], "seed": {}},
    ):
        assert page.ask(kind="draw", design="simple", **wrong)["kind"] == "refused"  # fmt: skip
    assert page.ask(kind="draw", n=3, seed=1, design="<b>")["kind"] == "refused"


@pytest.mark.parametrize(
    "content",
    [
        {"rows": [6], "names": [0]}, {"rows": [-1], "names": [0]}, {"rows": [True], "names": [0]}, {"rows": [], "names": []},
        {"rows": [0.0], "names": [0]}, {"rows": "0", "names": [0]}, {"rows": [0], "names": [3]}, {"rows": [0], "names": [-2]},
        {"rows": [0], "names": [0, 0]}, {"rows": [0], "names": ["dark"]}, {"rows": [0], "names": None}, {"rows": None, "names": []},
        {"rows": [0] * 7, "names": [0] * 7}, {"rows": [0], "names": [0], "audit": "audit-of-nobody"},
    ],
)  # fmt: skip
def test_what_a_page_may_not_send_changes_nothing(session, folder, content):
    answer = Page(session).ask(kind="act", verb="move", **content)
    assert answer["kind"] == "refused"
    assert len(answer["words"]) > 20
    assert Validation(folder).events() == []


def test_a_wish_for_another_run_or_without_a_name_is_refused(session, folder):
    assert "Another analysis" in Page(session).ask(kind="undo", run="20200101T000000000Z-abcdef")["words"]
    for wish in (None, "", "x" * 65, 3):
        assert session.ask({"kind": "undo", "id": wish, "run": folder.run_id})[0]["kind"] == "refused"
    assert Page(session).ask(kind="format the disk")["kind"] == "refused"
    for rows in (None, [], [99], list(range(6)) * 100, ["0"]):
        with pytest.raises(Refused):
            session.pictures(rows)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 8) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_no_message_whatever_stops_the_grid(session, folder):
    page = Page(session)

    @settings(max_examples=40)
    @given(st.sampled_from(["act", "undo", "draw", "?"]), st.dictionaries(st.sampled_from(["rows", "names", "verb", "audit", "n", "seed", "design"]), json_values))  # fmt: skip
    def ask(kind, content):
        assert page.ask(kind=kind, **content)["kind"] in ("done", "refused")

    ask()
    assert {event.person for event in Validation(folder).events()} <= {"ada"}


def test_a_run_that_was_deleted_says_so_and_the_page_keeps_its_truth(session, folder, tmp_path):
    session.index()
    folder.path.rename(tmp_path / "away")
    answer = Page(session).act([0], [1])
    assert answer["kind"] == "refused"
    assert "was deleted" in answer["words"]


class Sent(ValidationGrid):
    """A grid whose page is a list."""

    def __init__(self):
        self.messages = []
        self.changes = 0
        super().__init__(self._count)

    def _count(self):
        self.changes += 1

    def send(self, content, buffers=None):
        self.messages.append(content)


def test_the_grid_answers_nobody_before_it_knows_a_person_and_a_run(folder):
    grid = Sent()
    for kind in ("hello", "pictures", "act", "undo", "draw"):
        grid._receive(grid, {"kind": kind, "id": "x", "rows": [0]}, [])
    assert {message["kind"] for message in grid.messages} == {"closed"}
    assert not (folder.path / "validations.jsonl").exists()


def test_the_grid_refuses_a_run_of_another_person(folder, tmp_path):
    grid = Sent()
    (tmp_path / "homes" / "eve" / "runs").mkdir(parents=True)
    grid.open_for(Visitor("eve", tmp_path / "homes" / "eve" / "runs"), folder)
    assert "another person's folder" in grid.messages[-1]["words"]
    grid._receive(grid, {"kind": "hello"}, [])
    assert grid.messages[-1]["kind"] == "closed"
    assert grid.run == ""


def test_the_grid_tells_of_changes_once_each_and_closes(folder):
    grid = Sent()
    grid.open_for(Visitor("ada", folder.runs_root), folder)
    assert (grid.run, grid.messages[-1]["kind"]) == (folder.run_id, "index")
    wish = {"kind": "act", "id": "a", "run": folder.run_id, "rows": [0], "names": [1], "verb": "move"}
    grid._receive(grid, wish, [])
    grid._receive(grid, wish, [])
    grid._receive(grid, {**wish, "id": "b", "rows": [99]}, [])
    assert [message["kind"] for message in grid.messages[-3:]] == ["done", "done", "refused"]
    assert grid.changes == 1
    grid._receive(grid, {"kind": "pictures", "run": folder.run_id, "rows": [99]}, [])
    assert grid.messages[-1]["kind"] == "refused"
    grid.close_run()
    grid._receive(grid, {**wish, "id": "c"}, [])
    assert grid.messages[-1]["kind"] == "closed"
    assert len(Validation(folder).events()) == 1


def test_a_run_that_is_deleted_elsewhere_closes_the_grid_in_words(folder, session):
    session.index()
    Validation(folder).unknown(list(session.validation.predicted)[:1], "ben")
    assert session.news()["kind"] == "news"
    delete_run(folder)
    assert session.news() == {
        "kind": "closed", "words": "This analysis was deleted. Choose another one, or analyse the images again.",
    }  # fmt: skip
    answer = Page(session).act([0], [1])
    assert answer["kind"] == "refused"
    assert "it was deleted" in answer["words"]
