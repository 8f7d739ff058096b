"""A generated FlowCam run with known concentrations through the demonstration model, in a process of its own."""

import csv
from pathlib import Path

from tidelab.runs import get_executor, prepare
from tidelab.runs.sizes import class_sizes
from tidelab.training.synthetic_flowcam import generate_run

TRUE_PER_ML = {"Actinoptychus": 60.0, "Ciliophora": 40.0, "Dinoflagellata": 30.0, "Tripos": 50.0}


def test_cells_per_ml_of_a_flowcam_run_contain_the_truth(tmp_path: Path) -> None:
    folder = generate_run(tmp_path / "in", TRUE_PER_ML, volume_imaged_ml=0.5, um_per_px=0.55, seed=9)
    run = prepare(
        "flowcam-plankton", images=folder, person="ada", model="demo", parameters={"dilution_factor": 0.5}, runs_root=tmp_path / "runs"
    )  # fmt: skip
    handle = get_executor("process").submit(run)
    handle.wait(240)
    assert run.state().status == "done", f"{run.state().message}\n{run.log()}"
    truth = {row["image"]: row["label"] for row in csv.DictReader((tmp_path / "in" / "truth.csv").open())}
    assert set(run.results()["image"]) == set(truth)
    assert run.failed_files().empty
    found = {row.label: row for row in class_sizes(run)}
    for label, per_ml in TRUE_PER_ML.items():
        row = found[label]
        assert row.per_ml is not None
        # Concentrated to half its volume: a mL that is imaged holds two mL of the sea.
        assert row.per_ml.low <= per_ml / 2 <= row.per_ml.high, label
        assert row.esd_um is not None
        assert row.sphere_um3_per_ml is not None
    assert run.sample_records()["run-0009"].water_ml == 1.0
