"""From the catalogue to a list of builds: order, names, labels, what changes a digest and what does not."""

import shutil
from pathlib import Path

import pytest

from tidelab import paths
from tidelab.catalogue import UseCase, load_catalogue, load_usecase
from tidelab.catalogue.resources import Flavour
from tidelab.catalogue.scaffold import find_source, new_usecase
from tidelab.containers import contexts, names
from tidelab.containers.content import Item
from tidelab.containers.errors import ImageError
from tidelab.containers.plan import Build, Options, image_variants, plan
from tidelab.environments import load_environments

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


@pytest.fixture(scope="module")
def flowcam() -> UseCase:
    return load_catalogue()["flowcam-plankton"]


@pytest.fixture
def second(tmp_path: Path) -> UseCase:
    return new_usecase("second", "Second", "Ada", tmp_path, find_source("_template"))


def named(builds: list[Build]) -> dict[str, Build]:
    return {build.image: build for build in builds}


def test_the_chain_of_one_use_case(flowcam: UseCase) -> None:
    builds = plan([flowcam], flavours=["small"])
    assert [(build.image, build.parent) for build in builds] == [
        ("tidelab/foundation:latest", "debian:bookworm-slim"),
        ("tidelab/environments:lab", "tidelab/foundation:latest"),
        ("tidelab/environments:analyse-cpu", "tidelab/environments:lab"),
        ("tidelab/stack:analyse-cpu", "tidelab/environments:analyse-cpu"),
        ("tidelab/flowcam-plankton:analyse-cpu", "tidelab/stack:analyse-cpu"),
    ]
    labels = builds[-1].labels
    assert labels[names.USE_CASE] == "flowcam-plankton"
    assert labels[names.STACKS] == "analyse"
    assert labels[names.VARIANT] == "cpu"
    assert len(labels[names.CONTENT]) == 64


def test_names_are_those_that_the_hub_asks_for(flowcam: UseCase) -> None:
    built = {build.image for build in plan([flowcam], options=Options(prefix="registry.example/tide"))}
    for flavour in flowcam.resources.flavours.values():
        assert names.use_case_image(flowcam.slug, flavour.stacks, "cpu", "registry.example/tide") in built


def test_every_parent_comes_first_and_everything_once(flowcam: UseCase, second: UseCase) -> None:
    builds = plan([flowcam, second])
    seen = {"debian:bookworm-slim"}
    for build in builds:
        assert build.parent in seen
        assert build.image not in seen
        seen.add(build.image)


def test_use_cases_with_the_same_stacks_share_all_but_the_last_image(
    flowcam: UseCase, second: UseCase
) -> None:
    alone, both = plan([flowcam], flavours=["small"]), plan([flowcam, second], flavours=["small"])
    assert [build.content for build in both[:-1]] == [build.content for build in alone]
    own = sum(len(item.text) or item.source.stat().st_size for item in both[-1].items if item.source)
    assert own < 20e6


def test_cuda_only_for_sizes_that_lease_a_gpu_and_cpu_for_when_it_is_given_back() -> None:
    def flavour(gpu: int) -> Flavour:
        return Flavour.model_validate_json(
            f'{{"title": "x", "cpu": 1, "memory_gb": 1, "gpu": {gpu}, "stacks": ["analyse"]}}'
        )

    assert image_variants(flavour(1), "cuda") == ("cuda", "cpu")
    assert image_variants(flavour(0), "cuda") == ("cpu",)
    assert image_variants(flavour(1), "cpu") == ("cpu",)


def test_a_cuda_image_shares_the_stacks_that_have_no_cuda(flowcam: UseCase) -> None:
    builds = named(plan([flowcam], "cuda"))
    cuda = builds["tidelab/environments:analyse-tensorflow-cuda"]
    assert cuda.parent == "tidelab/environments:analyse-cpu"
    assert cuda.arguments["VARIANT"] == "cuda"
    assert any(item.name.endswith("requirements-py311-cuda.lock") for item in cuda.items)
    assert "tidelab/flowcam-plankton:analyse-tensorflow-cuda" in builds
    assert "tidelab/flowcam-plankton:analyse-tensorflow-cpu" in builds
    assert "tidelab/flowcam-plankton:analyse-cpu" in builds


def copy(use_case: UseCase, into: Path) -> Path:
    return Path(shutil.copytree(use_case.folder, into / use_case.slug))


def test_what_changes_only_its_own_layers(flowcam: UseCase, tmp_path: Path) -> None:
    folder = copy(flowcam, tmp_path)
    before = plan([load_usecase(folder)], flavours=["small"])
    with (folder / "README.md").open("a") as stream:
        stream.write("\nMore.\n")
    after = plan([load_usecase(folder)], flavours=["small"])
    assert [a.content == b.content for a, b in zip(before, after, strict=True)] == [True] * 4 + [False]


def test_a_change_below_changes_everything_above(flowcam: UseCase) -> None:
    before = plan([flowcam], flavours=["small"])
    after = plan([flowcam], options=Options(base_image="debian:12"), flavours=["small"])
    assert not {build.content for build in before} & {build.content for build in after}


def test_the_time_of_a_file_and_caches_change_nothing(flowcam: UseCase, tmp_path: Path) -> None:
    folder = copy(flowcam, tmp_path)
    before = plan([load_usecase(folder)], flavours=["small"])[-1].content
    (folder / "README.md").touch()
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "a.ipynb").write_text("{}")
    assert plan([load_usecase(folder)], flavours=["small"])[-1].content == before


def test_code_of_the_project_is_in_its_own_layer(flowcam: UseCase) -> None:
    lab, analyse, project = plan([flowcam], flavours=["small"])[1:4]
    assert not any("/science/" in item.name for build in (lab, analyse) for item in build.items)
    sent = {item.name for item in project.items}
    assert "project/extensions/tidelab/science/metrics.py" in sent
    assert not any(
        name.startswith(("project/hub", "project/tests", "project/docs", "project/notebooks"))
        for name in sent
    )


def test_no_host_and_no_secret_counts_or_is_an_argument(flowcam: UseCase) -> None:
    for build in plan([flowcam]):
        assert not any("://" in value for value in (*build.arguments.values(), *build.labels.values()))


def test_a_slug_that_is_an_image_of_ours_is_refused(tmp_path: Path) -> None:
    use_case = new_usecase("stack", "Stack", "Ada", tmp_path, find_source("_template"))
    with pytest.raises(ImageError, match="the slug 'stack' is the name of an image"):
        plan([use_case])


def test_weights_go_into_the_last_image_alone(flowcam: UseCase) -> None:
    weights = {flowcam.slug: [Item(f"usecase/{flowcam.slug}/.weights/a/w.h5", text="x")]}
    before, after = plan([flowcam], flavours=["small"]), plan([flowcam], flavours=["small"], weights=weights)
    assert [a.content == b.content for a, b in zip(before, after, strict=True)] == [True] * 4 + [False]


def test_authorities_are_split_and_broken_files_refused(flowcam: UseCase, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(f"a comment\n{PEM}\n{PEM.replace('MIIB', 'MIIC')}\n")
    foundation = plan([flowcam], options=Options(ca_bundle=bundle))[0]
    texts = {item.name: item.text for item in foundation.items if item.name.endswith(".crt")}
    assert list(texts) == ["ca/tidelab-000.crt", "ca/tidelab-001.crt"]
    assert texts["ca/tidelab-001.crt"].startswith("-----BEGIN CERTIFICATE-----\nMIIC")
    for broken in (b"no certificate", b"\xff\xfe\x00", b""):
        bundle.write_bytes(broken)
        with pytest.raises(ImageError, match=r"ca\.pem"):
            plan([flowcam], options=Options(ca_bundle=bundle))


def test_every_dockerfile_is_there_and_uses_nothing_that_the_legacy_builder_lacks() -> None:
    files = sorted((paths.checkout() / "images").glob("*/Dockerfile"))
    assert [file.parent.name for file in files] == ["foundation", "project", "stack", "usecase"]
    for file in files:
        text = file.read_text()
        assert "--mount" not in text
        assert "syntax=" not in text
        assert "<<" not in text
        assert "--chmod" not in text
        assert text.rstrip().splitlines()[-1].startswith(("USER 1000:1000", "CMD"))
        assert "USER 1000:1000" in text.split("USER root")[-1]


def test_a_stack_with_torch_takes_its_wheels_from_this_machines_disk(
    flowcam: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names_here = (
        "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "torch-2.12.0-cp311-cp311-linux.whl",
        "torch-2.13.0-cp312-cp312-linux.whl", "torchaudio-2.13.0-py3-none-any.whl", "torchvision-0.28.0-cp311-cp311-linux.whl",
    )  # fmt: skip
    for name in names_here:
        (tmp_path / name).write_bytes(b"wheel")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path} https://wheels.example.org/torch {tmp_path / 'gone'}")
    torch = flowcam.resources.flavours["small"].model_copy(update={"stacks": ("torch",)})
    resources = flowcam.resources.model_copy(update={"flavours": {"small": torch}})
    builds = named(plan([flowcam.model_copy(update={"resources": resources})], "cuda"))
    build = builds["tidelab/environments:torch-cpu"]
    taken = [item for item in build.items if item.name.startswith("host/wheels/")]
    assert {item.name.rpartition("/")[2] for item in taken} == {names_here[0], names_here[4]}
    assert not any(item.counts for item in taken), "how packages are reached is in no digest"
    assert build.arguments["ENVIRONMENT"] == "torch"
    assert "tidelab/stack:torch-cpu" in builds
    assert "tidelab/flowcam-plankton:torch-cpu" in builds
    assert not [item for item in builds["tidelab/stack:torch-cpu"].items if "wheels" in item.name]


def test_a_use_case_may_not_ask_for_another_torch(flowcam: UseCase) -> None:
    environment = load_environments()["torch"]
    held = contexts.pins_of(environment, "cpu")
    assert held["torch"] == "2.13.0"
    assert held["torchvision"] == "0.28.0"
    assert contexts.pins_of(environment, "cuda")["torch"] == "2.13.0", "there it stands in the lock"
