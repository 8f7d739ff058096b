"""Everything that can be wrong with a file, in the words a person reads.

This table is the only place where the sentences of ``failed_files.csv`` stand; ``docs/reference/bad-inputs.md`` is
generated from it (``python -m tidelab.runs bad-inputs``) and a test makes one file of each kind.
"""

from dataclasses import dataclass
from typing import Final

PICTURES: Final = "A PNG, JPEG or TIFF picture."


@dataclass(frozen=True)
class Kind:
    """One kind of bad file: what happened, what was expected, what to do; ``{...}`` are facts of the file."""

    title: str
    reason: str
    expected: str
    next_step: str


KINDS: Final[dict[str, Kind]] = {
    # --- files -------------------------------------------------------------------------------------------------
    "empty": Kind(
        "Zero-byte file",
        "The file is empty (0 bytes).",
        PICTURES,
        "Copy it again from the instrument; if it is still empty, delete it.",
    ),
    "not-a-picture": Kind(
        "Something else than a picture",
        "This is not a picture: {content}.",
        PICTURES,
        "Leave it out, or keep it in another folder.",
    ),
    "wrong-name": Kind(
        "Wrongly named file",
        "The name ends in {suffix}, but the content is not a picture: {content}.",
        PICTURES,
        "Look for the real picture under another name, or export it again.",
    ),
    "other-format": Kind(
        "Picture of another format",
        "This is a {content}, which is not read.",
        PICTURES,
        "Open it in a picture program, save it as JPEG or PNG and analyse that file. An iPhone takes JPEG by Settings, Camera, Formats, Most Compatible.",
    ),
    "truncated": Kind(
        "Truncated picture",
        "The picture ends too early: a part of it is missing.",
        "A complete picture.",
        "Copy it again from the instrument; the copy probably stopped half-way.",
    ),
    "damaged": Kind(
        "Damaged picture",
        "The picture is damaged and cannot be opened ({detail}).",
        "A picture that a picture program can open.",
        "Open it in a picture program: if it opens there, save it again as PNG; if not, copy it again.",
    ),
    "too-many-pixels": Kind(
        "Enormous picture",
        "The picture has {megapixels} million pixels.",
        "At most {limit} million pixels.",
        "Cut it into smaller pictures (one object a picture) and analyse those.",
    ),
    "too-large": Kind(
        "Enormous file",
        "The file is larger than {limit_mb} MB.",
        "At most {limit_mb} MB a file.",
        "Save it with less resolution or with compression (PNG), or cut it into smaller pictures.",
    ),
    "animated": Kind(
        "Moving picture",
        "This is a moving picture with {frames} frames.",
        "One still picture a file.",
        "Export the frames as single pictures and analyse those you need.",
    ),
    "too-many-pages": Kind(
        "TIFF with too many pages",
        "The TIFF holds more than {limit} pages.",
        "At most {limit} pages a TIFF file.",
        "Split it into files with fewer pages.",
    ),
    "pixel-values": Kind(
        "Pixel values without a rule",
        "Its pixel values cannot be turned into grey or colour: {detail}.",
        "Grey or RGB values of 8 or 16 bit, or decimal values from 0 to 1 or 0 to 65535, all of them numbers.",
        "Save it again as 8-bit or 16-bit TIFF or as PNG.",
    ),
    "out-of-memory": Kind(
        "Picture that does not fit in memory",
        "There was not enough memory to open the picture.",
        "A picture that fits in the memory of this computer.",
        "Close other programs or ask for a larger server and run it again; finished images are kept.",
    ),
    "model-refused": Kind(
        "Picture the model cannot use",
        "The model could not use this picture ({detail}).",
        "A picture like those the model was trained on.",
        "Look at the picture; if it looks right, send it to the maintainers of the use case.",
    ),
    # --- places ------------------------------------------------------------------------------------------------
    "permission": Kind(
        "No permission",
        "You do not have the right to read it.",
        "A file or folder that you may read.",
        "Change its permissions, or copy it to a place that is yours.",
    ),
    "vanished": Kind(
        "File that vanished",
        "It was there when the run started and is gone now.",
        "Files that stay in place until the run is done.",
        "Put it back and run again; finished images are kept.",
    ),
    "changed": Kind(
        "File that changed",
        "It was changed while the run was reading it.",
        "Files that stay as they are until the run is done.",
        "Wait until the instrument or the copy has finished and run again; finished images are kept.",
    ),
    "unreadable": Kind(
        "Disk that does not answer",
        "The disk did not give the file ({detail}).",
        "A file on a disk that works.",
        "Copy the file to another disk and run again; finished images are kept.",
    ),
    "not-a-file": Kind(
        "Pipe, socket or device",
        "This is not a file but a {content}.",
        "Ordinary files.",
        "Remove it from the folder.",
    ),
    "link-outside": Kind(
        "Link that leaves the folder",
        "This is a link to something outside the chosen folder; it was not followed.",
        "Files inside the chosen folder.",
        "Copy the file itself into the folder.",
    ),
    "link-folder": Kind(
        "Link to a folder",
        "This is a link to a folder; it was not followed.",
        "Real folders.",
        "Copy the folder itself, or analyse it in a run of its own.",
    ),
    "link-broken": Kind(
        "Broken link",
        "This is a link to a file that does not exist.",
        "Files inside the chosen folder.",
        "Copy the file itself into the folder, or delete the link.",
    ),
    "name-too-long": Kind(
        "Name that is too long",
        "Its name has {length} characters.",
        "At most {limit} characters, folders included.",
        "Give it a shorter name.",
    ),
    "samples-table": Kind(
        "Table of samples with an error",
        "{detail}.",
        "samples.csv with the column sample_id and any of time (such as 2024-06-01T10:30:00Z), station, latitude, longitude, "
        "volume_imaged_ml and the others of the documentation.",
        "Correct it and run again; finished images are kept. Until then what the row says of its sample is not used.",
    ),
    "samples-conflict": Kind(
        "Two sources that contradict each other about a sample",
        "{detail}.",
        "One value for each fact about a sample.",
        "Correct the one that is wrong and run again; finished images are kept. Until then the one named as used counts.",
    ),
    "ecotaxa-table": Kind(
        "EcoTaxa table with an error",
        "{detail}.",
        "A table that EcoTaxa imports: a line of columns, a line of types, a line for each image.",
        "Correct the table, or give the value in samples.csv, and run again; finished images are kept. Until then it is not known.",
    ),
    "measure-failed": Kind(
        "Image on which a measure of the use case failed",
        "It was analysed, but one of the use case's measures failed on it ({detail}); its numbers stand empty.",
        "Measures that work on every picture.",
        "Send the picture to the maintainers of the use case. The next run tries it again.",
    ),
    # --- FlowCam runs ------------------------------------------------------------------------------------------
    "flowcam-list": Kind(
        "FlowCam list that cannot be read",
        "{detail}.",
        "The list of particles as VisualSpreadsheet writes it beside its collages.",
        "Copy the file again from the instrument's computer, or export the run again. Particles that the list does not give are "
        "not analysed.",
    ),
    "flowcam-summary": Kind(
        "FlowCam summary with an unusable value",
        "{detail}.",
        "The run summary as VisualSpreadsheet writes it.",
        "Give the value in samples.csv or in the form, and run again; finished images are kept. Until then it is not known.",
    ),
    "collage-without-list": Kind(
        "FlowCam collages without their list",
        "The folder holds {count} FlowCam collages and no list (.lst) that says where the particles lie in them.",
        "The whole folder of the run: collages, list and summary.",
        "Copy the .lst file of the run into the folder, or export the particles as single pictures.",
    ),
    "collage-missing": Kind(
        "Particle whose collage is missing",
        "It lies in the collage {collage}, which is not there.",
        "All collages that the list names.",
        "Copy the collage from the instrument's computer into the folder and run again; finished images are kept.",
    ),
    "collage-unusable": Kind(
        "Particle whose collage cannot be read",
        "It lies in the collage {collage}, which cannot be used: {detail}.",
        "A collage that a picture program can open.",
        "Copy the collage again from the instrument's computer and run again; finished images are kept.",
    ),
    "particle-outside": Kind(
        "Particle outside its collage",
        "Its rectangle ({width} x {height} px at {left}, {top}) leaves the collage {collage} ({collage_width} x {collage_height} px).",
        "Rectangles inside the collage.",
        "List and collage are probably of different runs: copy both again from the instrument's computer.",
    ),
    # --- zip files ---------------------------------------------------------------------------------------------
    "zip-damaged": Kind(
        "Damaged zip file",
        "The zip file is damaged and cannot be opened ({detail}).",
        "A complete zip file.",
        "Make the zip again, or upload it again: the upload probably stopped half-way.",
    ),
    "zip-encrypted": Kind(
        "Encrypted zip file",
        "It is protected by a password inside the zip.",
        "A zip file without a password.",
        "Make the zip again without a password.",
    ),
    "zip-nested": Kind(
        "Zip inside a zip",
        "It is a zip file inside another zip file; only the outer one is opened.",
        "Pictures directly inside the zip file.",
        "Unpack the inner zip and put its pictures into the outer one, or analyse it in a run of its own.",
    ),
    "zip-bomb": Kind(
        "Zip bomb",
        "It unpacks to more than {ratio} times its size; such files can fill the disk.",
        "Pictures, which hardly shrink in a zip.",
        "If you trust it, unpack it yourself and analyse the folder.",
    ),
    "zip-too-large": Kind(
        "Zip file with too much inside",
        "Everything before it in the zip file already unpacks to {limit_mb} MB.",
        "At most {limit_mb} MB in one zip file, unpacked.",
        "Split it into several zip files, or unpack it yourself and analyse the folder.",
    ),
    "zip-too-many": Kind(
        "Zip file with too many files",
        "The zip file lists more than {limit} files.",
        "At most {limit} files in one zip file.",
        "Split it into several zip files, or unpack it yourself and analyse the folder.",
    ),
    "zip-unsafe-path": Kind(
        "Unsafe path in a zip file",
        "Its path inside the zip points outside of it (absolute, or with ..).",
        "Paths that stay inside the zip file.",
        "Make the zip again from a folder, with an ordinary zip program.",
    ),
    "zip-link": Kind(
        "Link in a zip file",
        "It is a link or a device inside the zip, not a file.",
        "Ordinary files inside the zip.",
        "Make the zip again with the files themselves.",
    ),
    "zip-duplicate": Kind(
        "Same name twice in a zip file",
        "The zip file holds another file of the same name; the first one was used.",
        "One file a name.",
        "Rename one of them and make the zip again.",
    ),
    "zip-compression": Kind(
        "Unknown compression in a zip file",
        "It is compressed in a way that is not read ({detail}).",
        "A zip file made with ordinary (deflate) compression.",
        "Make the zip again with an ordinary zip program.",
    ),
}


@dataclass(frozen=True)
class FailedFile:
    """One row of ``failed_files.csv``."""

    image: str
    kind: str
    reason: str
    expected: str
    next_step: str


class InputError(Exception):
    """A file cannot be used; carries the kind and its facts, not yet the name."""

    def __init__(self, kind: str, **facts: object) -> None:
        self.kind, self.facts = kind, facts
        super().__init__(KINDS[kind].reason.format(**facts))

    def row(self, image: str) -> FailedFile:
        """Return the row of the table for the file with this display name."""
        return failed(image, self.kind, **self.facts)


def failed(image: str, kind: str, **facts: object) -> FailedFile:
    """Return the row of the table for one file.

    Parameters
    ----------
    image
        Display name.
    kind
        Key of :data:`KINDS`.
    facts
        Values of the names in braces in its sentences.
    """
    words = KINDS[kind]
    return FailedFile(
        image,
        kind,
        words.reason.format(**facts),
        words.expected.format(**facts),
        words.next_step.format(**facts),
    )
