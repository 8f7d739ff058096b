"""The folder chooser stays where a person may read."""

import pytest

from tidelab.widgets.browse import FolderBrowser, OutsideError, Root, readable_roots


@pytest.fixture
def place(tmp_path):
    home = tmp_path / "homes" / "ada"
    for folder in (home / "cruise" / "st1", tmp_path / "homes" / "bob" / "secret", tmp_path / "shared"):
        folder.mkdir(parents=True)
    (home / "cruise" / "a.PNG").touch()
    (home / "cruise" / "b.tif").touch()
    (home / "cruise" / "notes.txt").touch()
    (home / "cruise" / "old.zip").touch()
    (home / ".ssh").mkdir()
    (home / "away").symlink_to(tmp_path / "homes" / "bob")
    (home / "near").symlink_to(home / "cruise")
    (tmp_path / "homes" / "bob" / "secret" / "x.png").touch()
    return tmp_path


@pytest.fixture
def browser(place):
    return FolderBrowser([Root("Home", place / "homes" / "ada"), Root("Shared data", place / "shared")])


def test_lists_what_can_be_analysed(browser, place):
    listing = browser.list(place / "homes" / "ada" / "cruise")
    assert (listing.folders, listing.zips, listing.images, listing.complete) == (
        ("st1",),
        ("old.zip",),
        2,
        True,
    )
    assert listing.crumbs == "Home / cruise"


def test_hidden_folders_and_links_that_lead_outside_are_not_shown(browser, place):
    assert browser.list(place / "homes" / "ada").folders == ("cruise", "near")


@pytest.mark.parametrize(
    "path",
    ["homes/bob", "homes/bob/secret", "homes/ada/../bob", "homes/ada/away/secret", "homes", ".", "/", "/etc/passwd",
     "homes/ada/none", "homes/ada/\0", "homes/adam"],
)  # fmt: skip
def test_outside_is_refused_in_words(browser, place, path):
    (place / "homes" / "adam").mkdir()
    with pytest.raises(OutsideError, match=r"Choose"):
        browser.list(place / path)


def test_a_link_that_stays_inside_leads_to_its_target(browser, place):
    assert browser.list(place / "homes" / "ada" / "near").folder == place / "homes" / "ada" / "cruise"


def test_parent_stops_at_the_root(browser, place):
    home = place / "homes" / "ada"
    assert browser.parent(home / "cruise") == home
    assert browser.parent(home) is None


def test_the_more_specific_root_names_a_folder(place):
    inner = place / "shared" / "drive"
    inner.mkdir()
    browser = FolderBrowser([Root("Shared data", place / "shared"), Root("drive", inner)])
    assert browser.list(inner).crumbs == "drive"


def test_roots_are_the_home_the_shared_data_and_the_mounts_that_exist(place, monkeypatch):
    drive = place / "flowcam-drive"
    drive.mkdir()
    monkeypatch.setenv("TIDELAB_DATA", str(place))
    monkeypatch.setenv("TIDELAB_MOUNTS", f"{drive}:{place}/not-there")
    found = {root.title: root.path for root in readable_roots(place / "homes" / "ada")}
    assert found == {"Home": place / "homes" / "ada", "Shared data": place / "shared", "flowcam-drive": drive}


def test_outside_it_is_not_told_whether_there_is_something(browser, place):
    said = []
    for name in ("secret", "absent"):
        with pytest.raises(OutsideError) as caught:
            browser.resolve(place / "homes" / "bob" / name)
        said.append(str(caught.value).replace(name, ""))
    assert said[0] == said[1]
