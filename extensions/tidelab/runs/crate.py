"""Provenance as an RO-Crate: who ran which model over which images with which code, in the words of schema.org.

Follows the Process Run Crate profile. Inputs are one dataset with a table of digests (``inputs.csv``): five thousand entities
would take longer to write than the run needs, and say no more.
"""

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity
from rocrate.model.person import Person
from rocrate.rocrate import ROCrate

from tidelab.catalogue import UseCase
from tidelab.runs.files import write_json
from tidelab.runs.methods import parameter_words

PROFILE: Final = "https://w3id.org/ro/wfrun/process/0.5"
CRATE_FILE: Final = "ro-crate-metadata.json"
_TYPES: Final = {
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".npy": "application/octet-stream",
    ".sqlite": "application/vnd.sqlite3",
}


def write_crate(folder: Path, manifest: dict[str, Any], use_case: UseCase, outputs: Sequence[str]) -> None:
    """Write ``ro-crate-metadata.json``.

    Parameters
    ----------
    folder
        The run's folder.
    manifest
        See `tidelab.runs.manifest.make_manifest`.
    use_case
        The use case.
    outputs
        Files of the run, relative to its folder.
    """
    crate = ROCrate()
    crate.name = f"{use_case.title}: run {manifest['run']}"
    crate.description = use_case.summary
    # The licence of the use case is that of its software; whose images these are, Tidelab does not know.
    opened = use_case.data_policy.results_licence if use_case.data_policy.kind == "open" else None
    crate.license = crate.add(ContextEntity(crate, "#licence", properties={
        "@type": "CreativeWork",
        "name": opened or "No licence chosen",
        "description": "The use case's data policy: its results may be published under this licence."
        if opened else "Whoever made this run decides under which licence its results are published.",
    }))  # fmt: skip
    crate.root_dataset["conformsTo"] = {"@id": PROFILE}
    crate.root_dataset["datePublished"] = manifest["finished"]
    crate.add(
        ContextEntity(
            crate, PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
        )
    )
    agent = crate.add(
        Person(crate, f"#person-{quote(manifest['person'], safe='')}", {"name": manifest["person"]})
    )
    results = [_output(crate, name) for name in outputs if (folder / name).is_file()]
    software, model = _software(crate, manifest), _model(crate, manifest)
    inputs = crate.add_file("inputs.csv", properties={
        "name": "Images that were used, with their sha256",
        "encodingFormat": "text/csv",
    })  # fmt: skip
    parameters = [_parameter(crate, name, value) for name, value in manifest["parameters"].items()]
    action = ContextEntity(crate, f"#run-{manifest['run']}", properties={
        "@type": "CreateAction",
        "name": f"{use_case.slug}: {_what(manifest)}",
        "startTime": manifest["started"],
        "endTime": manifest["finished"],
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
    })  # fmt: skip
    action["agent"], action["instrument"] = agent, software
    action["object"], action["result"] = [inputs, model, *parameters], results
    crate.add(action)
    crate.root_dataset["mentions"] = action
    metadata = crate.metadata.generate()
    write_json(folder / CRATE_FILE, metadata)


def _what(manifest: dict[str, Any]) -> str:
    images = manifest["counts"]["images"]
    return (
        f"{images} pictures searched for objects"
        if "detection" in manifest
        else f"{images} images classified"
    )


def _output(crate: ROCrate, name: str) -> Any:
    kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return crate.add_file(name, properties={"name": name, "encodingFormat": kind})


def _software(crate: ROCrate, manifest: dict[str, Any]) -> Any:
    code, environment = manifest["code"], manifest["environment"]
    packages = "; ".join(f"{name} {version}" for name, version in environment["packages"].items())
    return crate.add(ContextEntity(crate, "#tidelab", properties={
        "@type": "SoftwareApplication",
        "name": "Tidelab",
        "softwareVersion": code["tidelab"],
        "identifier": f"git commit {code['commit']}{' with local changes' if code['modified'] else ''}" if code["commit"] else "",
        "softwareRequirements": f"Python {environment['python']}; {packages}",
        "runtimePlatform": manifest["inference"]["runtime"],
        "description": f"executed in the environment {environment['name'] or 'of another project'}, "
        f"digest of its lock {environment['lock_digest'] or 'unknown'}",
    }))  # fmt: skip


def _model(crate: ROCrate, manifest: dict[str, Any]) -> Any:
    model = manifest["model"]
    licence = {"license": model["licence"]} if model["licence"] else {}
    return crate.add(ContextEntity(crate, "#model", properties={
        **licence,
        "@type": "SoftwareApplication",
        "name": model["name"],
        "alternateName": model["title"],
        "softwareVersion": model["version"] or "none",
        "identifier": model["digest"],
        "description": model["words"],
    }))  # fmt: skip


def _parameter(crate: ROCrate, name: str, value: Any) -> Any:
    properties = {
        "@type": "PropertyValue",
        "name": name,
        "value": parameter_words(name, value),
    }
    return crate.add(ContextEntity(crate, f"#parameter-{name}", properties=properties))
