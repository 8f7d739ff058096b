"""The catalogue for a cluster, checked with the class that would read it."""

from typing import Any

import pytest
import yaml
from kubespawner import KubeSpawner
from tornado.web import HTTPError

from tidehub.__main__ import main
from tidehub.kubernetes import HOME, gpu_resources, profile_list, values, withheld
from tidelab.catalogue import UseCase, load_catalogue
from tidelab.catalogue.resources import Gpu, Resources

SLUG = "flowcam-plankton"


@pytest.fixture
def catalogue() -> dict[str, UseCase]:
    use_case = load_catalogue()[SLUG]
    flavours = {
        "small": {"title": "Small", "cpu": 1, "memory_gb": 4, "stacks": ["analyse"]},
        "slice": {
            "title": "A slice", "cpu": 2, "memory_gb": 8, "gpu": {"kind": "mig", "profile": "1g.10gb"},
            "stacks": ["analyse", "tensorflow"],
        },
        "card": {"title": "A card", "cpu": 4, "memory_gb": 16, "gpu": 2, "groups": ["gpu-users"], "stacks": ["analyse"]},
    }  # fmt: skip
    resources = Resources.model_validate({"default": "small", "flavours": flavours})
    return {SLUG: use_case.model_copy(update={"resources": resources})}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod is made without asking a cluster; only the way to one is looked for."""
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **kwargs: None)


async def pod(profiles: list[dict[str, Any]], options: dict[str, str]) -> Any:
    """Return the pod that the real class makes of somebody's choice."""
    spawner = KubeSpawner(_mock=True, profile_list=profiles, user_options=options)
    await spawner.load_user_options()
    return await spawner.get_pod_manifest()


@pytest.mark.asyncio
async def test_the_real_spawner_makes_the_pod_of_the_chosen_size(catalogue: dict[str, UseCase]) -> None:
    profiles = profile_list(catalogue, "registry.example.org/tidelab")
    small = (await pod(profiles, {"profile": SLUG})).spec.containers[0]
    assert small.image == f"registry.example.org/tidelab/{SLUG}:analyse-cpu"
    assert (small.resources.limits["cpu"], small.resources.limits["memory"]) == (1, 4_000_000_000)
    assert not [name for name in small.resources.limits if name.startswith("nvidia")]
    assert small.args[:4] == ["/opt/tidelab-envs/lab/bin/python", "-m", "tidelab.workspace", "start"]
    assert {variable.name: variable.value for variable in small.env}["TIDELAB_USECASE"] == SLUG
    one = (await pod(profiles, {"profile": SLUG, "resources": "slice"})).spec.containers[0]
    assert one.image == f"registry.example.org/tidelab/{SLUG}:analyse-tensorflow-cuda"
    assert (
        one.resources.limits["nvidia.com/mig-1g.10gb"]
        == "1"
        == one.resources.requests["nvidia.com/mig-1g.10gb"]
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "options",
    [{"profile": SLUG, "resources": "card"}, {"profile": "other"}, {"profile": SLUG, "resources": "../x"}],
)
async def test_what_is_not_offered_is_refused(catalogue: dict[str, UseCase], options: dict[str, str]) -> None:
    with pytest.raises((ValueError, KeyError, HTTPError)):
        await pod(profile_list(catalogue, "tidelab", groups=()), options)


@pytest.mark.asyncio
async def test_an_image_of_ones_own_is_not_taken(catalogue: dict[str, UseCase]) -> None:
    made = await pod(profile_list(catalogue, "tidelab"), {"profile": SLUG, "image": "evil"})
    assert made.spec.containers[0].image == f"tidelab/{SLUG}:analyse-cpu"


def test_sizes_of_a_group_are_for_its_members_and_the_values_leave_them_out(
    catalogue: dict[str, UseCase],
) -> None:
    def sizes(profiles: list[dict[str, Any]]) -> list[str]:
        return list(profiles[0]["profile_options"]["resources"]["choices"])

    assert sizes(profile_list(catalogue, "tidelab", groups=("gpu-users",))) == ["small", "slice", "card"]
    rendered = values(catalogue, "tidelab")["singleuser"]
    assert sizes(rendered["profileList"]) == ["small", "slice"]
    assert withheld(catalogue) == [f"{SLUG}/card"]
    assert rendered["storage"]["homeMountPath"] == HOME
    assert rendered["cloudMetadata"]["blockWithIptables"]
    assert rendered["allowPrivilegeEscalation"] is False


def test_gpus_have_the_device_plugins_names() -> None:
    assert gpu_resources(None) == {}
    assert gpu_resources(Gpu(count=2)) == {"nvidia.com/gpu": "2"}
    assert gpu_resources(Gpu(kind="shared")) == {"nvidia.com/gpu.shared": "1"}


def test_the_command_prints_values_and_names_what_it_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kubernetes", "--registry", "registry.example.org/tidelab"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    offered = {profile["slug"] for profile in printed["singleuser"]["profileList"]}
    assert SLUG in offered
    assert main(["kubernetes", "--registry", "no spaces please"]) == 1
    assert "is no prefix of an image" in capsys.readouterr().err
