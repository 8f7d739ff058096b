"""The paragraph for the methods section, the citation, and the note that lies in the package."""

from collections.abc import Mapping
from typing import Any

from tidelab.catalogue import UseCase
from tidelab.domain.verdict import Verdict

DEMO_WARNING = (
    "**Demonstration model.** These numbers were made by a demonstration model that was trained on generated pictures. "
    "They show how Tidelab works and must not be used as data."
)


def methods_paragraph(manifest: dict[str, Any], verdict: Verdict, use_case: UseCase) -> str:
    """Return Markdown that a person may put into the methods section of a paper."""
    model, counts, code = manifest["model"], manifest["counts"], manifest["code"]
    packages = manifest["environment"]["packages"]
    threshold = manifest["parameters"].get("threshold")
    limit = (
        f" A name was given where its score was at least {threshold:g}; other images are counted as unidentified."
        if threshold is not None
        else ""
    )
    version = f", version {model['version']}" if model["version"] else ""
    commit = f", commit {code['commit'][:12]}" if code["commit"] else ""
    modified = " with local changes" if code["modified"] else ""
    software = ", ".join(f"{name} {found}" for name, found in packages.items() if name != "tidelab")
    paragraph = (
        f"{_images(counts['images'])} classified with Tidelab {code['tidelab']}{commit}{modified} "
        f"(use case {use_case.slug}) by the model {model['name']}{version} ({model['title']}; {model['digest']})."
        f"{limit} {_left_out(counts['failed_files'])} "
        f"Scores are calibrated probabilities of the model, not measured accuracies, and no person has validated them. "
        f"Fitness of the model for these images: {verdict.state}. {verdict.headline} "
        f"Computed with {manifest['inference']['runtime']}, Python {manifest['environment']['python']}, {software}."
    )
    warning = f"{DEMO_WARNING}\n\n" if model["demo"] else ""
    return f"# Methods\n\n{warning}{paragraph}\n"


def model_reference(manifest: Mapping[str, Any]) -> str:
    """Return the model as a publication cites it: name, version, title, where the weights come from, digest.

    Darwin Core wants it in ``identificationReferences``.
    """
    model = manifest["model"]
    version = f", version {model['version']}" if model["version"] else ""
    source = f"; weights {model['source_of_weights']}" if model.get("source_of_weights") else ""
    demo = "DEMONSTRATION MODEL, not for science: " if model["demo"] else ""
    return f"{demo}{model['name']}{version} ({model['title']}{source}; {model['digest']})"


def _images(count: int) -> str:
    return "1 image was" if count == 1 else f"{count} images were"


def _left_out(count: int) -> str:
    if not count:
        return "Every file could be used."
    files = "1 file" if count == 1 else f"{count} files"
    return f"{files} could not be used; failed_files.csv gives the reason."


def citation_text(manifest: dict[str, Any], use_case: UseCase) -> str:
    """Return what to cite: the work behind the use case, the model where it names one, and the software."""
    cited = use_case.citation
    lines = [cited.text]
    if cited.doi:
        lines.append(f"https://doi.org/{cited.doi}")
    elif cited.url:
        lines.append(cited.url)
    model = manifest["model"]
    if model["citation"]:
        lines += ["", "Model:", model["citation"]]
    lines += ["", f"Software: Tidelab {manifest['code']['tidelab']}, use case {use_case.slug}."]
    if model["demo"]:
        lines += ["", DEMO_WARNING.replace("**", "")]
    return "\n".join(lines) + "\n"


def package_note(manifest: dict[str, Any], use_case: UseCase) -> str:
    """Return the README of the package."""
    warning = f"\n{DEMO_WARNING.replace('**', '')}\n" if manifest["model"]["demo"] else ""
    return f"""{use_case.title}
Run {manifest["run"]}, finished {manifest["finished"]}
{warning}
results.csv        one row an image: class, score, five best classes; `status` is predicted, or unidentified below the threshold
counts.csv         images of each class
failed_files.csv   files that could not be used: what happened, what was expected, what to do
statistics.csv     brightness, size, sharpness ... of each image
verdict.json       whether the model is fit for these images, and why
methods.md         a paragraph for the methods section
CITATION.txt       what to cite
manifest.json      model, parameters, software and times
inputs.csv         sha256 of every image that was used
ro-crate-metadata.json   the same provenance as an RO-Crate (https://w3id.org/ro/crate)

Text in the tables is UTF-8; numbers have a decimal point. In file names, characters that cannot be seen stand as \\x.. or
\\u....; a name that begins like a formula has ./ in front, and another text that does has ' in front.
"""
