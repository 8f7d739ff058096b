"""A new use case: made whole or not at all, never over another, from the template or from one that exists."""

import json
import re

import pytest

from tidelab import paths
from tidelab.catalogue import load_catalogue, load_usecase
from tidelab.catalogue.check import check_usecase
from tidelab.catalogue.errors import ScaffoldError
from tidelab.catalogue.scaffold import find_source, new_usecase

TEMPLATE = paths.checkout() / "notebooks" / "_template"
TITLE = 'Diatoms "on" slides: 50 % \\ & <b> # é'


def make(into, slug="demo-case", title=TITLE, author="Ada O'Neill", source=TEMPLATE):
    return new_usecase(slug, title, author, into, source)


def test_the_template_gives_a_use_case_in_order(tmp_path):
    use_case = make(tmp_path)
    assert check_usecase(use_case) == []
    assert use_case.title == TITLE
    assert use_case.people[0].name == "Ada O'Neill"
    assert use_case.model.registered_name == "demo-case"
    assert [path.name for path in tmp_path.iterdir()] == ["demo-case"], "nothing half-made is left"


def test_no_placeholder_is_left(tmp_path):
    folder = make(tmp_path).folder
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"{{" not in path.read_bytes() or path.suffix in (".jpg", ".npz", ".onnx"), path
    notebook = json.loads((folder / "analyse.ipynb").read_text())
    assert TITLE in "".join(notebook["cells"][0]["source"])
    assert json.loads((folder / "model/demo/card.json").read_text())["use_case"] == "demo-case"


def test_the_demonstration_model_of_a_new_use_case_is_whole(tmp_path):
    from tidelab.models.resolve import resolve_model

    model = resolve_model(make(tmp_path))
    assert model.source == "demo"
    assert model.is_demo
    assert model.bundle.card.labels == ("Disc", "Rod", "Star")


def test_an_existing_use_case_can_be_the_start(tmp_path):
    first = make(tmp_path)
    second = make(tmp_path, slug="other-case", title="Other", source=first.folder)
    assert check_usecase(second) == []
    assert (second.title, second.maintainers_group) == ("Other", "maintainers-other-case")
    assert "demo-case" not in (second.folder / "analyse.ipynb").read_text()


def test_nothing_is_overwritten(tmp_path):
    folder = make(tmp_path).folder
    (folder / "README.md").write_text("mine")
    with pytest.raises(ScaffoldError, match="exists; nothing was written"):
        make(tmp_path)
    assert (folder / "README.md").read_text() == "mine"
    (tmp_path / "link-case").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ScaffoldError, match="exists; nothing was written"):
        make(tmp_path, slug="link-case")


def test_a_broken_template_leaves_nothing(tmp_path):
    source = tmp_path / "template"
    source.mkdir()
    (source / "usecase.yaml").write_text("slug: {{slug}}\ncolour: red\n")
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(Exception, match="`colour` is not a field"):
        make(into, source=source)
    assert list(into.iterdir()) == []


def test_links_and_leftovers_of_the_template_are_not_copied(tmp_path):
    first = make(tmp_path).folder
    (first / "secret").symlink_to("/etc/passwd")
    (first / ".ipynb_checkpoints").mkdir()
    second = make(tmp_path, slug="other-case", source=first).folder
    assert not (second / "secret").exists()
    assert not (second / ".ipynb_checkpoints").exists()


@pytest.mark.parametrize(("change", "message"), [
    ({"slug": "Demo"}, "'Demo' cannot be the name of a use case"), ({"slug": "ab"}, "3 to 30 lower-case letters"),
    ({"slug": "a" * 31}, "3 to 30"), ({"slug": "../x"}, "cannot be the name"), ({"slug": "demo-"}, "no hyphen last"),
    ({"title": ""}, "The title '' is not possible"), ({"title": "a\nb"}, "one line of 1 to 80"), ({"title": "x" * 81}, "1 to 80"),
    ({"author": "{{slug}}"}, "The author '{{slug}}' is not possible"), ({"source": paths.checkout()}, "is not a template"),
])  # fmt: skip
def test_what_is_not_possible_is_said(change, message, tmp_path):
    with pytest.raises(ScaffoldError) as caught:
        make(tmp_path, **change)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(ScaffoldError, match=r"is not a folder\. Make it first"):
        make(tmp_path / "nowhere")


def test_from_takes_names_of_the_catalogue_and_paths(tmp_path):
    assert find_source("_template") == TEMPLATE
    assert find_source("flowcam-plankton") == TEMPLATE.parent / "flowcam-plankton"
    assert find_source(str(tmp_path)) == tmp_path
    assert load_usecase(find_source("flowcam-plankton")).slug == "flowcam-plankton"


def _with_a_module(tmp_path):
    """Make a use case whose slug is one word, which is then the name of its module as well, and a word of its data."""
    folder = make(tmp_path, slug="plume", title="Plume").folder
    module = folder / "src" / "plume"
    module.mkdir(parents=True)
    (module / "__init__.py").write_text("")
    (module / "shade.py").write_text(
        '"""See `plume.shade.measure`, ``python -m plume.shade`` and plume.org."""\n'
        'SLUG = "plume"\nINSTRUMENT = "plume"\n'
        'def measure(pixels):\n    return {"shade": float(pixels.mean())}\nmeasure.VERSION = "1"\n'
    )
    (module / "views.py").write_text(
        "import plume.shade\nfrom plume import shade\nfrom plume.shade import measure\n"
    )
    (folder / "tests").mkdir()
    (folder / "tests" / "test_shade.py").write_text("from plume.shade import measure\n")
    (folder / "sample" / "header.txt").write_text("instrument plume, Plume\n")
    declared = folder / "usecase.yaml"
    declared.write_text(
        declared.read_text().replace("task:\n", 'task:\n  measures: ["plume.shade:measure"]\n', 1)
    )
    with (folder / "README.md").open("a") as readme:
        readme.write("`src/plume/` holds plume.shade; see https://plume.org and plume-tools.\n")
    return load_usecase(folder)


def test_a_copy_has_its_own_module_under_its_own_name(tmp_path):
    source = _with_a_module(tmp_path)
    assert check_usecase(source) == []
    copy = make(tmp_path, slug="plume-two", title="Second", source=source.folder)
    assert check_usecase(copy) == []
    assert copy.task.measures == ("plume_two.shade:measure",)
    module = copy.folder / "src" / "plume_two"
    assert (module / "shade.py").read_text().splitlines()[:3] == [
        '"""See `plume_two.shade.measure`, ``python -m plume_two.shade`` and plume.org."""',
        'SLUG = "plume-two"',
        'INSTRUMENT = "plume"',
    ]
    assert (module / "views.py").read_text() == (
        "import plume_two.shade\nfrom plume_two import shade\nfrom plume_two.shade import measure\n"
    )
    assert "`src/plume_two/` holds plume_two.shade; see https://plume.org and plume-tools." in (
        (copy.folder / "README.md").read_text()
    )
    assert (copy.folder / "sample" / "header.txt").read_text() == "instrument plume, Plume\n"
    assert not (copy.folder / "tests").exists()


@pytest.mark.parametrize("slug", sorted(load_catalogue()))
def test_every_use_case_can_be_the_start_of_another(slug, tmp_path):
    source = load_catalogue()[slug]
    copy = make(tmp_path, slug="copied-case", title="Copied", source=source.folder)
    assert check_usecase(copy) == []
    own = copy.source_folder / "copied_case"
    assert own.is_dir() == source.source_folder.is_dir()
    old = source.slug.replace("-", "_")
    for path in own.rglob("*.py"):
        assert not re.search(rf"^\s*(from|import) {old}\b", path.read_text(), re.MULTILINE), path
