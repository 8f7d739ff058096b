"""The texts of a run as they are true now: people validate and counts are corrected after the run has written its own."""

from tidelab.domain.estimate import Estimates
from tidelab.domain.sample import Sample
from tidelab.runs.beneath import read
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder
from tidelab.runs.meaning import use_case_of
from tidelab.runs.methods import Knowledge, citation_text, methods_paragraph
from tidelab.runs.not_counted import lost_particles, lost_words
from tidelab.science.particle_size import NAMES


def current_methods(run: RunFolder) -> str:
    """Return the methods paragraph with what is known by now: who validated, effort, correction (Markdown).

    Raises `RunError` when the run has no manifest or verdict.
    """
    manifest = run.manifest()
    effort = " ".join(words for words in (effort_words(run), size_words(run)) if words)
    known = Knowledge(validation_words(run), effort, correction_words(run))
    return methods_paragraph(manifest, run.verdict(), str(manifest["use_case"]["slug"]), known)


def current_citation(run: RunFolder) -> str:
    """Return what to cite; where the use case is gone, what the run wrote down itself."""
    use_case = use_case_of(run)
    if use_case is not None:
        return citation_text(run.manifest(), use_case)
    try:
        return read(run.path / "CITATION.txt").decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def validation_words(run: RunFolder) -> str:
    """Return who looked at how many images, in words; empty when nobody did."""
    table = run.determinations()
    looked = table[table["status"] != "predicted"]
    if looked.empty:
        return ""
    named = looked[looked["status"] == "validated"]
    moved = int((named["label"] != named["predicted_label"]).sum())
    persons = len(set(looked["validated_by"]) - {""})
    days = sorted({str(moment)[:10] for moment in looked["validated_at"] if moment})
    when = f" ({days[0]}{f' to {days[-1]}' if len(days) > 1 else ''})" if days else ""
    rest = len(table) - len(looked)
    sentences = [
        f"{len(looked)} of {len(table)} images were looked at by {_count(persons, 'person', 'persons')}{when}:",
        f"{len(named)} were validated, {moved} of them with another name than the model's,",
        f"and {len(looked) - len(named)} could not be named.",
    ]
    if rest:
        sentences.append(f"The other {rest} carry the model's name, which no person has validated.")
    return " ".join(sentences)


def effort_words(run: RunFolder) -> str:
    """Return how many samples there are and of how many the effort is known, in words; of a detector how many pictures."""
    if run.finds_objects:
        pictures = len(run.pictures())
        return f"The effort is {_count(pictures, 'picture', 'pictures')}, those without an object included."
    # Images without a sample have a record of no name; it is a sample only where a person said something of it.
    records, images, lost = (
        run.sample_records(),
        run.samples().set_index("sample_id")["images"],
        lost_particles(run),
    )
    # A sample that lost all its images stands for no water; one in which nothing was found does.
    samples = [
        one
        for name, one in records.items()
        if (name or any(one.known())) and not (name in lost and not images[name])
    ]
    if not samples:
        return "No sample is known, so counts are counts of images."
    water = [one.water_ml for one in samples if one.water_ml is not None]
    short = [
        f"Sample {name or 'without a name'}: {lost_words(lost[name], int(images[name]))}."
        for name in records
        if name in lost and images[name] and records[name].water_ml is not None
    ]
    words = " ".join([f"The images are of {_count(len(samples), 'sample', 'samples')}.", *short[:5]])
    if len(short) > 5:
        words += f" So it is for {len(short) - 5} more."
    if len(water) == len(samples):
        return f"{words} {_volume(sum(water))} of sea water were looked at (volume imaged / dilution factor)."
    if water:
        return (
            f"{words} The volume of sea water that was looked at is known for {len(water)} of them ({_volume(sum(water))}); the others "
            "have counts and no concentrations."
        )
    return f"{words} {_without_water(samples)}"


def size_words(run: RunFolder) -> str:
    """Return how sizes and biovolumes were made, in words; empty where no particle was measured or no pixel has a known size."""
    if not set(NAMES) <= set(run.statistics().columns):
        return ""
    if not any(one.um_per_px is not None for one in run.sample_records().values()):
        return ""
    return (
        "Equivalent spherical diameters are those of the circle of the same area as the particle in the image (holes filled); biovolumes are "
        "those of the sphere of that diameter and of the prolate spheroid of the axes of the ellipse of the same second moments "
        "(Hillebrand et al. 1999), without an interval."
    )


def correction_words(run: RunFolder) -> str:
    """Return how counts were corrected, or why they are withheld, in words; empty where it cannot be told."""
    found = estimates_of(run)
    if found is None:
        return "Counts are counts of names and are not corrected for the model's errors."
    if found.withheld:
        return f"Corrected counts are withheld: {' '.join(found.withheld)}"
    return found.method_words


def estimates_of(run: RunFolder) -> Estimates | None:
    """Return the counts of a run with their corrections; None where they cannot be made of what there is."""
    try:
        return run.estimates()
    except RunError:
        return None


def _without_water(samples: list[Sample]) -> str:
    if any(one.volume_imaged_ml is not None for one in samples):
        return "The volume imaged is known and the dilution factor is not, so there are counts and no concentrations."
    if any(one.area_m2 is not None or one.duration_s is not None for one in samples):
        return "No volume of water is known, so there are counts and no concentrations per volume."
    return "How much water was looked at is not known, so there are counts and no concentrations."


def _volume(millilitres: float) -> str:
    return f"{millilitres:.4g} mL" if millilitres < 1000 else f"{millilitres / 1000:.4g} L"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
