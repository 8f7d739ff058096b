"""EcoTaxa bundles: tables (``ecotaxa*.tsv``) and images that https://ecotaxa.obs-vlfr.fr imports."""

from tidelab.formats.ecotaxa.errors import EcotaxaError
from tidelab.formats.ecotaxa.faults import Fault
from tidelab.formats.ecotaxa.read import Bundle, Row, Table, read_bundle, read_table
from tidelab.formats.ecotaxa.validate import validate
from tidelab.formats.ecotaxa.write import write_table

__all__ = [
    "Bundle",
    "EcotaxaError",
    "Fault",
    "Row",
    "Table",
    "read_bundle",
    "read_table",
    "validate",
    "write_table",
]
