"""The header and the line of types of a table: which columns EcoTaxa takes, and for what."""

from collections import Counter
from dataclasses import dataclass, field

from tidelab.formats.ecotaxa import rules
from tidelab.formats.ecotaxa.faults import Faults, shown
from tidelab.formats.ecotaxa.read import Table


@dataclass
class FreeColumns:
    """The columns of one's own that the bundle has used up so far: they are shared by all its tables.

    Parameters
    ----------
    types
        Column -> its type, fixed by the first table that has it.
    """

    types: dict[str, str] = field(default_factory=dict)
    _used: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, column: str, prefix: str, kind: str) -> bool:
        """Take a column in; False when a project has no room for it."""
        self._used[prefix, kind] += 1
        self.types[column] = kind
        return self._used[prefix, kind] <= rules.FREE_COLUMNS[prefix, kind]


def check_columns(table: Table, free: FreeColumns, faults: Faults) -> dict[str, str]:
    """Check header and types.

    Returns
    -------
    Column -> kind of its values (`rules.PREDEFINED`, or ``free-text``), for the columns whose values EcoTaxa looks at.
    """
    typed = _check_types(table, faults)
    kinds: dict[str, str] = {}
    for column, count in Counter(table.columns).items():
        if count > 1:
            faults.add(
                "column-twice",
                f"the header has this column {count} times; EcoTaxa keeps the last and drops the others without a word. "
                "Rename or remove them.",
                file=table.file, line=1, field=shown(column), severity="warning",
            )  # fmt: skip
        kind = rules.PREDEFINED.get(column) or _free_kind(table, column, free, faults, typed=typed)
        if kind:
            kinds[column] = kind
    _check_mandatory(table, faults)
    return kinds


def _check_types(table: Table, faults: Faults) -> bool:
    if not table.types or any(kind.strip().lower() in rules.TYPES for kind in table.types.values()):
        return bool(table.types)
    first = next((value for value in table.types.values() if value), "")
    faults.add(
        "type-line-missing",
        f"the line of types is missing: line 2 holds values ('{shown(first)}', ...), which EcoTaxa takes for types and drops. "
        "Expected [t] for text or [f] for numbers below each column. Insert that line.",
        file=table.file, line=2, value=first,
    )  # fmt: skip
    return False


def _free_kind(table: Table, column: str, free: FreeColumns, faults: Faults, *, typed: bool) -> str:
    prefix, _, name = column.partition("_")
    if not name and "_" not in column:
        faults.add(
            "header-form",
            f"'{shown(column)}' is no name of a column; expected object_, sample_, acq_ or process_ and a name, such as "
            f"object_{shown(column) or 'area'}. Rename the column or take it out.",
            file=table.file, line=1, field=shown(column), value=column,
        )  # fmt: skip
        return ""
    if prefix not in rules.PREFIXES:
        faults.add(
            "header-prefix",
            f"EcoTaxa knows no columns that begin with '{shown(prefix)}_'; expected object_, sample_, acq_ or process_ "
            "(of img_ only img_file_name and img_rank). Rename the column or take it out.",
            file=table.file, line=1, field=shown(column), value=column,
        )  # fmt: skip
        return ""
    kind = free.types.get(column)
    if kind is None:
        kind = _new_column(table, column, prefix, free, faults, typed=typed)
    return {rules.NUMBER: "number", rules.TEXT: "free-text"}.get(kind, "")


def _new_column(
    table: Table, column: str, prefix: str, free: FreeColumns, faults: Faults, *, typed: bool
) -> str:
    # Whatever their type says, columns of samples, acquisitions and processes are text.
    kind = table.types.get(column, "") if prefix == "object" else rules.TEXT
    if kind not in rules.TYPES:
        if typed:
            faults.add(
                "type",
                f"the type '{shown(kind)}' is not known; expected [t] for text or [f] for numbers, in small letters and without "
                "blanks. Correct it.",
                file=table.file, line=2, field=shown(column), value=kind,
            )  # fmt: skip
        return ""
    if not free.add(column, prefix, kind):
        limit = rules.FREE_COLUMNS[prefix, kind]
        what = f"{prefix}_ columns of one's own" + (f" with type {kind}" if prefix == "object" else "")
        faults.add(
            "too-many-columns",
            f"is one more than the {limit} {what} that a project of EcoTaxa can hold. Take columns out that you do not need.",
            file=table.file, line=1, field=shown(column), value=column,
        )  # fmt: skip
    return kind


def _check_mandatory(table: Table, faults: Faults) -> None:
    present = set(table.columns)
    for prefix in rules.PREFIXES:
        others = sorted(column for column in present if column.startswith(f"{prefix}_"))
        wanted = f"{prefix}_id"
        if wanted in present or not (others or prefix == "object"):
            continue
        because = (
            f"there are {prefix}_ columns ({shown(', '.join(others))})"
            if others
            else "each line is an image of an object"
        )
        faults.add(
            "id-column-missing",
            f"the column {wanted} is missing but needed, because {because}. Add it, with a name for each "
            f"{ {'acq': 'acquisition'}.get(prefix, prefix) }.",
            file=table.file, line=1, field=wanted,
        )  # fmt: skip
    if "img_file_name" not in present:
        faults.add(
            "image-column-missing",
            "the column img_file_name is missing: it names the picture of each line, relative to the table. Add it.",
            file=table.file, line=1, field="img_file_name",
        )  # fmt: skip
