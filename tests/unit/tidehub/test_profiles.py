"""Profiles: what a use case becomes in the hub, and what people's options may say."""

import shutil
from pathlib import Path

import pytest

from tidehub.live_catalogue import LiveCatalogue
from tidehub.profiles import ProfileError, choose, profile
from tidelab import paths
from tidelab.catalogue import Catalogue, UseCase, load_catalogue, load_usecase
from tidelab.catalogue.resources import Resources


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_everything_on_the_card_comes_from_the_declaration(catalogue: Catalogue) -> None:
    use_case = catalogue["flowcam-plankton"]
    made = profile(use_case)
    assert (made.title, made.summary) == (use_case.title, use_case.summary)
    assert use_case.app is not None
    assert (made.inputs, made.outputs, made.button) == (
        use_case.app.inputs,
        use_case.app.outputs,
        use_case.app.button,
    )
    assert made.app_path == "services/apps/flowcam-plankton/"
    assert {choice.name for choice in made.choices} == set(use_case.resources.flavours)
    assert [choice.name for choice in made.choices if choice.is_default] == [use_case.resources.default]
    assert "phytoplankton" in made.search_text


def test_options_are_user_input(catalogue: Catalogue) -> None:
    slug = "flowcam-plankton"
    assert choose(catalogue, slug, {})[1].name == catalogue[slug].resources.default
    assert choose(catalogue, slug, {"resources": ["train"], "use_case": [slug]})[1].name == "train"
    assert choose(catalogue, slug, {"resources": ""})[1].is_default


@pytest.mark.parametrize(
    ("slug", "options", "words"),
    [
        ("", {}, "home page"),
        ("no-such-case", {}, "Known use cases: .*flowcam-plankton"),
        ("flowcam-plankton", {"use_case": "other"}, "belongs to the use case"),
        ("flowcam-plankton", {"resources": "huge"}, "It offers: small, train"),
        ("flowcam-plankton", {"resources": {"a": 1}}, "must be one word"),
        ("flowcam-plankton", {"resources": ["small", "train"]}, "must be one word"),
        ("flowcam-plankton", {"image": "evil", "cmd": ["sh"]}, "not cmd, image"),
        ("flowcam-plankton", {3: "x"}, "not 3"),
    ],
)
def test_what_the_catalogue_does_not_offer(
    catalogue: Catalogue, slug: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ProfileError, match=words):
        choose(catalogue, slug, options)


def test_a_folder_added_now_is_there_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path))
    reads = []

    def counting() -> Catalogue:
        reads.append(1)
        return load_catalogue()

    live = LiveCatalogue(counting)
    assert "otolith-age" not in live()
    assert len(live()) == len(live())
    assert len(reads) == 1, "an unchanged catalogue is read once"
    new = _copy(tmp_path, "otolith-age")
    assert "otolith-age" in live()
    file = new / "usecase.yaml"
    file.write_text(file.read_text().replace("title: Phyto", "title: Other"))
    assert live()["otolith-age"].title.startswith("Other")
    notebook = (new / "analyse.ipynb").read_bytes()
    (new / "analyse.ipynb").unlink()
    assert "otolith-age" not in live(), "a file it names is gone"
    (new / "analyse.ipynb").write_bytes(notebook)
    assert "otolith-age" in live()
    shutil.rmtree(new)
    assert "otolith-age" not in live()
    assert len(reads) == 6


def _copy(parent: Path, slug: str) -> Path:
    new = parent / slug
    shutil.copytree(paths.checkout() / "notebooks" / "flowcam-plankton", new)
    text = (new / "usecase.yaml").read_text()
    (new / "usecase.yaml").write_text(text.replace("flowcam-plankton", slug))
    assert load_usecase(new).slug == slug
    return new


@pytest.fixture
def with_gpu(catalogue: Catalogue) -> dict[str, UseCase]:
    """One use case whose flavours are for everyone, for `gpu-users`, and for `gpu-users` or `staff`."""
    flavours = {
        "small": {"title": "Small", "cpu": 1, "memory_gb": 2, "stacks": ["analyse"]},
        "gpu": {"title": "One GPU", "cpu": 2, "memory_gb": 8, "gpu": 1, "groups": ["gpu-users"], "stacks": ["analyse"]},
        "slice": {
            "title": "A slice", "cpu": 1, "memory_gb": 4, "gpu": {"kind": "mig", "profile": "1g.10gb"},
            "groups": ["gpu-users", "staff"], "stacks": ["analyse"],
        },
    }  # fmt: skip
    use_case = catalogue["flowcam-plankton"]
    resources = Resources.model_validate({"default": "gpu", "flavours": flavours})
    return {use_case.slug: use_case.model_copy(update={"resources": resources})}


def test_a_size_for_a_group_is_for_its_members_alone(with_gpu: dict[str, UseCase]) -> None:
    slug = "flowcam-plankton"
    assert choose(with_gpu, slug, {"resources": "gpu"}, groups=["gpu-users"])[1].name == "gpu"
    assert choose(with_gpu, slug, {"resources": "slice"}, groups=["staff"])[1].name == "slice"
    with pytest.raises(
        ProfileError, match=r"members of the group gpu-users, and you are .* there is: Small, A slice"
    ):
        choose(with_gpu, slug, {"resources": "gpu"}, groups=["staff"])
    with pytest.raises(ProfileError, match=r"gpu-users or staff.*For you there is: Small\."):
        choose(with_gpu, slug, {"resources": "slice"}, groups=[])


def test_a_default_that_is_not_theirs_becomes_the_one_without_gpu(with_gpu: dict[str, UseCase]) -> None:
    slug = "flowcam-plankton"
    assert choose(with_gpu, slug, {}, groups=[])[1].name == "small"
    assert choose(with_gpu, slug, {}, groups=["gpu-users"])[1].name == "gpu"
    assert choose(with_gpu, slug, {})[1].name == "gpu"
    made = profile(with_gpu[slug])
    assert [choice.name for choice in made.choices_for(["staff"])] == ["small", "slice"]
    assert (made.cpu_choice([]) or made.choices[1]).name == "small"
