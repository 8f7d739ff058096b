"""A stack is a kernel wherever kernels are started from."""

import json

from tidelab.environments import sync_kernels


def present(checkout, name):
    checkout.python(name).parent.mkdir(parents=True, exist_ok=True)
    checkout.python(name).touch()


def test_every_installed_stack_is_written_to_lab_and_stacks_once(checkout, monkeypatch):
    monkeypatch.setenv("TIDELAB_DATA", "/somewhere/of/ada")
    for name, kind in (("analyse", "stack"), ("tensorflow", "stack"), ("lab", "service"), ("hub", "service")):
        checkout.declare(name, kind=kind)
    for name in ("analyse", "lab", "hub"):
        present(checkout, name)
    assert {str(file.relative_to(checkout.envs)) for file in sync_kernels()} == {
        "analyse/share/jupyter/kernels/tidelab-analyse/kernel.json",
        "lab/share/jupyter/kernels/tidelab-analyse/kernel.json",
    }
    assert sync_kernels() == []
    present(checkout, "tensorflow")
    assert len(sync_kernels()) == 4  # its own spec in three places, and the other stack's in it


def test_kernel_runs_in_its_environment_and_carries_no_place_of_a_person(checkout, monkeypatch):
    monkeypatch.setenv("TIDELAB_DATA", "/somewhere/of/ada")
    checkout.declare("analyse", kind="stack")
    present(checkout, "analyse")
    (file,) = sync_kernels()
    spec = json.loads(file.read_text())
    assert spec["argv"][0] == str(checkout.python("analyse"))
    assert spec["argv"][-1] == "{connection_file}"
    assert spec["env"]["PATH"].split(":")[0] == str(checkout.python("analyse").parent)
    assert spec["env"]["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert not [name for name in spec["env"] if name.startswith("TIDELAB")]
    assert "somewhere" not in file.read_text()
