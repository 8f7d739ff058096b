"""The catalogue: every folder is read or named, and one broken folder never hides another."""

import subprocess
import sys

import pytest

from tidelab.catalogue import UnknownUseCaseError, load_catalogue


@pytest.fixture
def places(tmp_path, monkeypatch, declaration):
    """Return a function that makes use cases in two places of a catalogue of its own."""
    (tmp_path / "checkout" / "notebooks").mkdir(parents=True)
    (tmp_path / "more").mkdir()
    monkeypatch.setenv("TIDELAB_ROOT", str(tmp_path / "checkout"))
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "more"))

    def make(place: str, slug: str, text: str | None = None):
        folder = tmp_path / ("checkout/notebooks" if place == "own" else "more") / slug
        folder.mkdir()
        (folder / "usecase.yaml").write_text(text or declaration.replace("demo-case", slug))
        (folder / "analyse.ipynb").write_text("{}")
        return folder

    return make


def test_use_cases_of_both_places_in_alphabetical_order(places):
    places("more", "aaa-case"), places("own", "zzz-case"), places("own", "bbb-case")
    catalogue = load_catalogue()
    assert list(catalogue) == ["aaa-case", "bbb-case", "zzz-case"]
    assert not catalogue.problems
    assert len(catalogue) == 3
    assert "aaa-case" in catalogue
    assert 5 not in catalogue


def test_a_broken_folder_is_named_and_hides_nothing(places):
    places("own", "good-case")
    broken = places("own", "broken-case", "slug: [")
    empty = places("own", "empty-case")
    (empty / "usecase.yaml").unlink()
    catalogue = load_catalogue()
    assert list(catalogue) == ["good-case"]
    assert set(catalogue.problems) == {broken, empty}
    assert "not valid YAML" in str(catalogue.problems[broken])
    with pytest.raises(
        UnknownUseCaseError, match="Its folder exists but has problems: run `tidelab check broken-case`"
    ):
        catalogue["broken-case"]


def test_an_app_without_its_notebook_is_not_offered(places):
    folder = places("own", "good-case")
    (folder / "analyse.ipynb").unlink()
    catalogue = load_catalogue()
    assert list(catalogue) == []
    assert "`notebooks.analyse.file` names 'analyse.ipynb', which is not in the folder" in str(
        catalogue.problems[folder]
    )


def test_templates_hidden_folders_and_files_are_no_use_cases(places):
    places("own", "_template", "{{slug}}"), places("own", ".hidden", "x"), places("own", "good-case")
    (places("own", "other-case").parent / "README.md").write_text("x")
    catalogue = load_catalogue()
    assert list(catalogue) == ["good-case", "other-case"]
    assert not catalogue.problems


def test_the_same_slug_twice_keeps_the_repositorys_own(places):
    own, other = places("own", "good-case"), places("more", "good-case")
    catalogue = load_catalogue()
    assert catalogue["good-case"].folder == own
    assert list(catalogue.problems) == [other]
    assert f"has the slug 'good-case', which {own} has too" in str(catalogue.problems[other])


def test_a_folder_that_is_not_there_is_named(places, monkeypatch, tmp_path):
    places("own", "good-case")
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "nowhere"))
    catalogue = load_catalogue()
    assert list(catalogue) == ["good-case"]
    assert "TIDELAB_USECASES" in str(catalogue.problems[tmp_path / "nowhere"])


def test_an_unknown_name_is_answered_with_the_known_ones(places):
    places("own", "good-case")
    with pytest.raises(
        UnknownUseCaseError,
        match=r"no use case 'god-case'\. Did you mean 'good-case'\? Known use cases: good-case",
    ):
        load_catalogue()["god-case"]
    assert load_catalogue().get("god-case") is None, "a mapping's get still answers None"


def test_importing_it_loads_nothing_heavy():
    heavy = [
        "numpy",
        "pandas",
        "tensorflow",
        "onnxruntime",
        "mlflow",
        "ipywidgets",
        "matplotlib",
        "jupyterhub",
        "nbformat",
        "typer",
        "rich",
    ]
    script = f"import sys, tidelab.catalogue, tidelab.catalogue.check; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
