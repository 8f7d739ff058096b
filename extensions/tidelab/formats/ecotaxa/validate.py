"""Check a stranger's bundle by EcoTaxa's rules, before EcoTaxa does, with a sentence for each fault."""

from collections.abc import Callable
from pathlib import Path
from posixpath import basename

from tidelab.formats.ecotaxa.columns import FreeColumns, check_columns
from tidelab.formats.ecotaxa.errors import EcotaxaError
from tidelab.formats.ecotaxa.faults import Fault, Faults, shown
from tidelab.formats.ecotaxa.lines import Lines
from tidelab.formats.ecotaxa.pictures import Pictures
from tidelab.formats.ecotaxa.read import Bundle, Table, is_table, read_bundle

_EVERY = 50


def validate(path: Path, progress: Callable[[int], None] | None = None) -> list[Fault]:
    """Return what is wrong with a bundle: nothing when EcoTaxa takes it.

    What only EcoTaxa can know is not checked: whether a category or a person exists there (it asks for those that it does not know),
    and what a project holds already.

    Parameters
    ----------
    path
        A folder or a zip file.
    progress
        Called now and then with the number of lines checked so far.

    Returns
    -------
    Faults by file and line; ``severity`` tells errors from warnings.
    """
    faults = Faults()
    try:
        bundle = read_bundle(path)
    except EcotaxaError as error:
        faults.add("bundle", error.words, file=error.file)
        return faults.all()
    with bundle:
        _check(bundle, faults, progress or (lambda _: None))
    return faults.all()


def _check(bundle: Bundle, faults: Faults, progress: Callable[[int], None]) -> None:
    for name, reason in sorted(bundle.store.refused.items()):
        if is_table(name) or name.endswith("/") or "backslash" in reason:
            faults.add("refused", f"{reason}. It is not read.", file=shown(name))
    _check_names(bundle, faults)
    free, total = FreeColumns(), 0
    lines = Lines(Pictures(bundle.store), faults)
    empty: list[Table] = []
    for table in bundle.tables:
        kinds = check_columns(table, free, faults)
        before = total
        try:
            for row in table.rows():
                total += 1
                lines.check(table, row, kinds)
                if total % _EVERY == 0:
                    progress(total)
        except EcotaxaError as error:
            faults.add("table", error.words, file=table.file, line=error.line)
        if total == before:
            empty.append(table)
    for problem in bundle.problems:
        harmless = problem.empty and total
        faults.add(
            "table",
            problem.words,
            file=problem.file,
            line=problem.line,
            severity="warning" if harmless else "error",
        )
    for table in empty:
        faults.add(
            "no-rows",
            "the table is empty: below header and types there is no line for an image. Add the images, or leave the table out.",
            file=table.file,
            severity="warning" if total else "error",
        )
    progress(total)


def _check_names(bundle: Bundle, faults: Faults) -> None:
    names = bundle.store.names
    for name in sorted(names):
        if basename(name).endswith("Images.zip"):
            faults.add(
                "inner-zip",
                "is a zip inside the bundle (as a UVP6 writes it); EcoTaxa opens it, this check does not. Check it on its own.",
                file=shown(name), severity="warning",
            )  # fmt: skip
    if bundle.tables or bundle.problems or any(basename(name).endswith("Images.zip") for name in names):
        return
    near = [
        name for name in sorted(names)
        if name.lower().endswith((".tsv", ".txt")) and not basename(name).startswith(".")
    ]  # fmt: skip
    found = f" There is {shown(', '.join(near[:5]))}: rename it, in small letters." if near else ""
    faults.add(
        "no-table",
        f"there is no table: expected at least one file whose name begins with ecotaxa and ends in .tsv or .txt.{found}",
    )
