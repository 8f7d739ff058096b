"""The notebook contract, over every notebook of every use case and of the template."""

import pytest

from tidelab import paths
from tidelab.catalogue import load_catalogue
from tidelab.catalogue.notebook_rules import notebook_problems
from tidelab.catalogue.scaffold import new_usecase

CATALOGUE = load_catalogue()
NOTEBOOKS = [(slug, name) for slug, use_case in CATALOGUE.items() for name in use_case.notebooks]


def test_there_are_notebooks():
    assert ("flowcam-plankton", "analyse") in NOTEBOOKS


@pytest.mark.parametrize(("slug", "name"), NOTEBOOKS)
def test_a_notebook_keeps_the_contract(slug, name):
    problems = notebook_problems(CATALOGUE[slug], name)
    assert not problems, "\n".join(map(str, problems))


def test_the_notebooks_of_the_template_keep_the_contract(tmp_path):
    use_case = new_usecase("demo-case", "Demo", "Ada", tmp_path, paths.checkout() / "notebooks" / "_template")
    assert set(use_case.notebooks) >= {"analyse", "drift"}
    problems = [problem for name in use_case.notebooks for problem in notebook_problems(use_case, name)]
    assert not problems, "\n".join(map(str, problems))


def test_no_notebook_lies_beside_the_declared_ones():
    for use_case in CATALOGUE.values():
        declared = {notebook.file for notebook in use_case.notebooks.values()}
        found = {path.name for path in use_case.folder.glob("*.ipynb")}
        assert found == declared, f"{use_case.slug}: usecase.yaml and the folder name different notebooks"
