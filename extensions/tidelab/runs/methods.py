"""The paragraph for the methods section, the citation, and the note that lies in the package."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidelab.catalogue import UseCase
from tidelab.domain.verdict import Verdict

DEMO_WARNING = (
    "**Demonstration model.** These numbers were made by a demonstration model that was trained on generated pictures. "
    "They show how Tidelab works and must not be used as data."
)


CLASSIFIER_SCORES: Final = "Scores are calibrated probabilities of the model, not measured accuracies"
DETECTOR_SCORES: Final = "Scores are the model's own and are not calibrated; they are no measured accuracies"


@dataclass(frozen=True)
class Knowledge:
    """What became known of a run after the model spoke.

    Parameters
    ----------
    validation
        Who looked at how many images, in words; empty when nobody did.
    effort
        Samples, and how much water, ground or time was looked at, in words.
    correction
        How counts were corrected, or why not, in words.
    """

    validation: str = ""
    effort: str = ""
    correction: str = ""


def methods_paragraph(
    manifest: Mapping[str, Any], verdict: Verdict, slug: str, known: Knowledge | None = None
) -> str:
    """Return Markdown that a person may put into the methods section of a paper.

    Parameters
    ----------
    manifest
        Where the results come from (`tidelab.runs.manifest.make_manifest`).
    verdict
        Whether the model is fit for these images.
    slug
        Of the use case.
    known
        What is known by now; None right after the model spoke.
    """
    counts, code = manifest["counts"], manifest["code"]
    packages = manifest["environment"]["packages"]
    found = manifest.get("detection")
    done = f"{_searched(counts['images'])}" if found else f"{_images(counts['images'])} classified"
    limit = (
        f" {detection_words(found)}" if found else _threshold_words(manifest["parameters"].get("threshold"))
    )
    commit = f", commit {code['commit'][:12]}" if code["commit"] else ""
    modified = " with local changes" if code["modified"] else ""
    software = ", ".join(f"{name} {found}" for name, found in packages.items() if name != "tidelab")
    known = known or Knowledge()
    sentences = (
        f"{done} with Tidelab {code['tidelab']}{commit}{modified} "
        f"(use case {slug}) by the model {_model_words(manifest)}.{limit} {_left_out(counts['failed_files'])}",
        f"{DETECTOR_SCORES if found else CLASSIFIER_SCORES}"
        f"{'.' if known.validation else ', and no person has validated them.'}",
        known.validation,
        known.effort,
        known.correction,
        f"Fitness of the model for these images: {verdict.state}. {verdict.headline}",
        f"Computed with {manifest['inference']['runtime']}, Python {manifest['environment']['python']}, {software}.",
    )
    warning = f"{DEMO_WARNING}\n\n" if manifest["model"]["demo"] else ""
    return f"# Methods\n\n{warning}{' '.join(sentence for sentence in sentences if sentence)}\n"


def detection_words(found: Mapping[str, Any]) -> str:
    """Return how many objects a detector found and from which score they count, in words.

    Parameters
    ----------
    found
        See `tidelab.runs.manifest.detection_manifest`.
    """
    objects, pictures = found["objects"], found["pictures"]
    limits = sorted(set(found["thresholds"].values()))
    scores = f"{limits[0]:g}" if len(limits) == 1 else f"{limits[0]:g} to {limits[-1]:g}, by class"
    counting = f"An object counts where its score is at least {scores} ({found['thresholds_chosen']})"
    if not objects:
        return f"No object was found in {pictures:,} picture{'s' if pictures != 1 else ''}. {counting}."
    inside = found["pictures_with_objects"]
    objects_words = f"{objects:,} object{'s were' if objects != 1 else ' was'} found"
    return (
        f"{objects_words} in {inside:,} of {pictures:,} picture{'s' if pictures != 1 else ''}. {counting}. An animal that stays is "
        "found in every picture it is in: these are counts of objects in pictures, not of individuals."
    )


def parameter_words(name: str, value: object) -> str:
    """Return the value of a parameter of a run as people read it; a threshold that is not given is the model's own."""
    if value is None:
        return "the model's own, by class" if name == "threshold" else "not known"
    return str(value)


def _threshold_words(threshold: float | None) -> str:
    if threshold is None:
        return ""
    return f" A name was given where its score was at least {threshold:g}; other images are counted as unidentified."


def model_reference(manifest: Mapping[str, Any]) -> str:
    """Return the model as a publication cites it: name, version, title, where the weights come from, digest.

    Darwin Core wants it in ``identificationReferences``.
    """
    demo = "DEMONSTRATION MODEL, not for science: " if manifest["model"]["demo"] else ""
    return demo + _model_words(manifest)


def _model_words(manifest: Mapping[str, Any]) -> str:
    model = manifest["model"]
    version = f", version {model['version']}" if model["version"] else ""
    source = f"; weights {model['source_of_weights']}" if model.get("source_of_weights") else ""
    return f"{model['name']}{version} ({model['title']}{source}; {model['digest']})"


def _images(count: int) -> str:
    return "1 image was" if count == 1 else f"{count} images were"


def _searched(count: int) -> str:
    return f"{'1 picture was' if count == 1 else f'{count} pictures were'} searched for objects"


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


PACKAGE_FILES: Final[Mapping[str, str]] = {
    "results.csv": "what the model said, one row an image (of a detector: an object): class, score, five best classes; `status` is "
    "predicted, or unidentified below the threshold; it never changes",
    "pictures.csv": "of a detector: one row a picture, with or without objects: when, where, size in pixels, objects that count",
    "detections.csv": "of a detector: every object that is stored, with its box in pixels and whether its score reaches the threshold",
    "objects.csv": "what was measured of each object, in the order of results.csv",
    "determinations.csv": "the name in force of each image: a person's word where there is one, else the model's; by whom and when",
    "validations.jsonl": "every act of a person on these images, and every act taken back",
    "audits.json": "random checks: which images were drawn, and the probability of each",
    "counts.csv": "images of each class as the model named them",
    "classes.csv": "each class of each sample by the names in force: images, images per mL of sea water with the interval of counting "
    "(wrong names are not in it), diameter and biovolume; units in the column names; empty is not known, remarks say why",
    "estimates.json": "raw and corrected counts with intervals, or why they are withheld",
    "samples.csv": "where, when and how much was looked at; an empty cell is not known",
    "failed_files.csv": "files that could not be used: what happened, what was expected, what to do",
    "statistics.csv": "brightness, size, sharpness ... of each image",
    "verdict.json": "whether the model is fit for these images, and why",
    "methods.md": "a paragraph for the methods section",
    "CITATION.txt": "what to cite",
    "exports.txt": "the other formats this run can be had in, and what stands against one",
    "manifest.json": "model, parameters, software and times",
    "inputs.csv": "sha256 of every image that was used",
    "ro-crate-metadata.json": "provenance as an RO-Crate (https://w3id.org/ro/crate)",
}
"""Every file a package may hold, in the order of its README."""


def _own_title(row: Mapping[str, Any]) -> str:
    older = " (older than what people said last: it could not be made again)" if row.get("stale") else ""
    return f"{row['title']}{older}"


def package_note(manifest: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the README of a package that holds the files of these names."""
    warning = f"\n{DEMO_WARNING.replace('**', '')}\n" if manifest["model"]["demo"] else ""
    there = set(names)
    own = {str(one["file"]): _own_title(one) for one in manifest.get("products", ())}
    known = {**PACKAGE_FILES, **own}
    lines = "\n".join(f"{name:24} {words}" for name, words in known.items() if name in there)
    lines += "".join(f"\n\nMissing: {problem}" for problem in manifest.get("product_problems", ()))
    return f"""{manifest["use_case"]["title"]}
Run {manifest["run"]}, finished {manifest["finished"]}
{warning}
{lines}

Text in the tables is UTF-8; numbers have a decimal point. In file names, characters that cannot be seen stand as \\x.. or
\\u....; a name that begins like a formula has ./ in front, and another text that does has ' in front.
"""
