"""What is said of corrected counts, in the words a person reads."""

from typing import Final

from tidelab.science.unidentified import Unexplained

NOT_COVERED: Final = (
    "What these intervals do not cover: they hold the error of the correction (labelled images and analysed images are both samples) and "
    "the chance of counting (the images are a sample of the water), and nothing else. They take for granted that an image of a class "
    "looks here as it did among the labelled ones, only more or less often: another season, place, camera or preservation can break "
    "that, and so can samples that differ from one another. Kinds that the model was never shown are recognised only where they look "
    "unlike everything it knows; the others are counted as something else. The labels of the test images are taken for true. Particles "
    "that the instrument missed, cut, lumped together or imaged twice, the flow and dilution errors of a volume, and whether the "
    "samples stand for the sea around them, are not in any interval."
)

NOTHING_FOUND: Final = "Nothing was found in these pictures, so there is no count to correct."

DETECTOR: Final = (
    "A detector misses objects and finds some where there are none, which is not a confusion of names that held-out images could correct. "
    "Check some objects at random (audit) to know how many carry a wrong name or are none."
)

MISSED: Final = (
    "These are counts of found objects in pictures. An audit corrects wrong names and objects that are none; objects that the model missed "
    "are in no count and in no interval, and an animal that stays in view is counted in every picture it is in."
)

BOOTSTRAP: Final = (
    "95 % intervals are percentiles of {replicates} bootstrap replicates that draw the {labelled} held-out labelled images again within "
    "each class ({unit}; Rao and Wu 1988, widened by Student's t) and let each analysed image count a Poisson(1) number of times, so "
    "that they are intervals of the count expected in the water that was imaged; none is narrower than the Poisson interval of its own "
    "count (Garwood 1936). Seed {seed}."
)

PACC: Final = (
    "Counts were corrected by probabilistic adjusted classify and count (PACC; Bella et al. 2010, after Forman 2008) with QuaPy {version} "
    "(Moreo et al. 2021), constrained to shares that are not negative and sum to one; EMQ (Saerens et al. 2002) is given beside it as a "
    "check. {bootstrap} Images further from the training classes (Mahalanobis distance; Lee et al. 2018) than {quantile:.0%} of the "
    "held-out images count as unidentified: {beyond} of {images} ({share:.1%}; {expected:.1%} expected)."
)

STRATIFIED: Final = (
    "Counts rest on audit {audit}: {checked} of {images} images, drawn at random within each predicted class with known chances (seed "
    "{seed}), were named by a person; each predicted class was estimated from its own checked images (stratified estimator; Horvitz and "
    "Thompson 1952, Cochran 1977, Chang et al. 2016). 95 % intervals draw what the unchecked images may be (Pólya posterior; Ghosh and "
    "Meeden 1997) and add the error of counting. The result assumes nothing of the model, and needs neither its held-out images nor the "
    "drift verdict."
)

POWERED: Final = (
    "Counts rest on audit {audit}: {checked} of {images} images, a simple random sample (seed {seed}), were named by a person; what the "
    "model says of all images was corrected by what the audit finds it to be wrong by (prediction-powered estimator; Angelopoulos et al. "
    "2023, weight tuned per class: the regression estimator of Chang et al. 2016). 95 % intervals use the effective number of checked "
    "images (Korn and Graubard 1998) and add the error of counting. The result assumes nothing of the model, and needs neither its "
    "held-out images nor the drift verdict."
)

VALIDATED: Final = "A person looked at every image, so the counts need no correction; the 95 % intervals are of counting alone (Garwood 1936)."


def images(number: int) -> str:
    """Return a number of images in words."""
    return f"{number:,} image" + ("" if number == 1 else "s")


def named(labels: list[str], most: int = 8) -> str:
    """Return class names as a sentence shows them."""
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def too_few_images(number: int, least: int, where: str) -> str:
    """Return why a sample or run is too small."""
    return f"{images(number).capitalize()} in {where}; a corrected count needs at least {least}."


def too_few_tested(number: int, least: int) -> str:
    """Return why one class is not corrected."""
    had = (
        "no held-out test image"
        if not number
        else f"only {number} held-out test image" + ("" if number == 1 else "s")
    )
    return f"The model has {had} of this class; at least {least} are needed to know what it is confused with."


def untested_share(labels: list[str], share: float, limit: float, least: int) -> str:
    """Return why no class is corrected when untested ones are common."""
    return (
        f"{named(labels)} {'has' if len(labels) == 1 else 'have'} fewer than {least} held-out test images and "
        f"{'holds' if len(labels) == 1 else 'hold together'} {share:.0%} of the images (at most {limit:.0%}): what flows between them and "
        "the other classes is not known. Retrain with more labelled images of them, or check some images at random (audit)."
    )


def too_far(found: Unexplained, limit: float) -> str:
    """Return why corrected counts are withheld when much is unlike the training classes."""
    return (
        f"At least {found.share:.0%} of the images are of no class that the model was trained on (at most {limit:.0%} are accepted): "
        f"{found.observed:.0%} lie as far from the training classes as {found.expected:.0%} of known images do. A correction would count "
        "them as known classes. Look at these images, or check some at random (audit)."
    )


def red(headline: str) -> str:
    """Return why a red verdict forbids a correction."""
    return f"The model is not fit for these images: {headline} Check some images at random (audit) to get counts all the same."
