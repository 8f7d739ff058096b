"""The lines of a table: values, annotation, pictures, duplicates, and which sample an acquisition belongs to."""

from tidelab.formats.ecotaxa import rules
from tidelab.formats.ecotaxa.faults import Faults, shown
from tidelab.formats.ecotaxa.pictures import Pictures
from tidelab.formats.ecotaxa.read import Row, Table
from tidelab.formats.ecotaxa.values import wrong


class Lines:
    """Checks line after line; what must be unique in the whole bundle is remembered from table to table.

    Parameters
    ----------
    pictures, faults
        Where the pictures are checked, and where faults go.
    """

    def __init__(self, pictures: Pictures, faults: Faults) -> None:
        self._pictures, self._faults = pictures, faults
        self._seen: dict[tuple[str, str], tuple[str, int]] = {}
        self._sample_of: dict[str, tuple[str, str, int]] = {}

    def check(self, table: Table, row: Row, kinds: dict[str, str]) -> None:
        """Check one line. `kinds` are the columns whose values are looked at, from `check_columns`."""
        values = [value for value in row.values.values() if value]
        if values and all(value in rules.TYPES for value in values):
            self._add(
                "type-line-twice",
                "is one more line of types; expected only one, in line 2. Take it out.",
                table,
                row,
            )
            return
        if row.values and all(column == value.lower() for column, value in row.values.items() if column):
            self._add(
                "header-twice",
                "is the header once more; expected it only in line 1. Take it out.",
                table,
                row,
            )
            return
        if row.extra:
            self._add(
                "no-header",
                f"the line is longer than the header: {shown(repr(list(row.extra)))} stands below no name. "
                "Take the surplus tabulators out, or name the columns.",
                table, row, value=" ".join(row.extra),
            )  # fmt: skip
        for column, kind in kinds.items():
            value = row.get(column)
            if value and (message := wrong(kind, value)):
                self._add(kind, message, table, row, column, value)
        self._check_position(table, row)
        self._check_annotation(table, row)
        self._check_parents(table, row)
        self._check_picture(table, row)

    def _check_position(self, table: Table, row: Row) -> None:
        for column in ("object_lat", "object_lon"):
            value = row.get(column)
            if rules.is_misread(value):
                degrees = rules.degrees(value) or 0.0
                self._add(
                    "degrees-misread",
                    f"EcoTaxa reads '{shown(value)}' as {degrees:.5f}, because it adds the minutes to a negative degree. "
                    "Write decimal degrees.",
                    table, row, column, value, warning=True,
                )  # fmt: skip

    def _check_annotation(self, table: Table, row: Row) -> None:
        status = row.get("object_annotation_status")
        name, number = row.get("object_annotation_category"), row.get("object_annotation_category_id")
        category = name or (number if number.lower() not in rules.EMPTY_NUMBERS else "")
        if status and not category:
            self._add(
                "status-without-category",
                f"the status is '{shown(status)}' but there is no category. Give object_annotation_category, or empty the status.",
                table, row, "object_annotation_status", status,
            )  # fmt: skip
        elif category and not status:
            self._add(
                "category-without-status",
                f"the category '{shown(category)}' has no status. Give object_annotation_status "
                f"({', '.join(rules.STATUSES)}), or empty the category.",
                table, row, "object_annotation_status", category,
            )  # fmt: skip
        elif status and not name and "object_annotation_category" in row.values:
            self._add(
                "category-only-number",
                f"only the number {shown(number)} is given although the table has the column object_annotation_category, where "
                "EcoTaxa looks first. Give the name as well, or take that column out.",
                table, row, "object_annotation_category", number, warning=True,
            )  # fmt: skip

    def _check_parents(self, table: Table, row: Row) -> None:
        sample, acquisition = row.get("sample_id"), row.get("acq_id")
        if not sample or not acquisition:
            return
        first, file, line = self._sample_of.setdefault(acquisition, (sample, table.file, row.line))
        if first != sample:
            where = f"line {line}" if file == table.file else f"{file}, line {line}"
            self._add(
                "acquisition-of-two-samples",
                f"acquisition '{shown(acquisition)}' belongs to sample '{shown(first)}' ({where}) and cannot belong to "
                f"'{shown(sample)}' as well. Give each sample acquisitions of its own.",
                table, row, "acq_id", acquisition,
            )  # fmt: skip

    def _check_picture(self, table: Table, row: Row) -> None:
        columns = set(table.columns)
        object_id, picture = row.get("object_id"), row.get("img_file_name")
        if not object_id and "object_id" in columns:
            self._add(
                "object-id",
                "is empty; every line needs the name of its object. Give one.",
                table,
                row,
                "object_id",
            )
        if not picture:
            if "img_file_name" in columns:
                self._add(
                    "image-missing",
                    "is empty; every line needs the picture of its object. Name it, or take the line out.",
                    table, row, "img_file_name",
                )  # fmt: skip
            return
        rule, message = self._pictures.wrong(table.image_path(row), picture)
        if rule:
            self._add(rule, message, table, row, "img_file_name", picture)
        if object_id:
            self._check_unique(table, row, object_id, picture)

    def _check_unique(self, table: Table, row: Row, object_id: str, picture: str) -> None:
        file, line = self._seen.setdefault((object_id, picture), (table.file, row.line))
        if (file, line) != (table.file, row.line):
            where = f"line {line}" if file == table.file else f"{file}, line {line}"
            self._add(
                "duplicate",
                f"object '{shown(object_id)}' with picture '{shown(picture)}' is in {where} already. "
                "Take one of the two out, or give the object another object_id.",
                table, row, "object_id", object_id,
            )  # fmt: skip

    def _add(
        self,
        rule: str,
        message: str,
        table: Table,
        row: Row,
        field: str = "",
        value: str = "",
        *,
        warning: bool = False,
    ) -> None:
        self._faults.add(
            rule, message, file=table.file, line=row.line, field=field, value=value,
            severity="warning" if warning else "error",
        )  # fmt: skip
