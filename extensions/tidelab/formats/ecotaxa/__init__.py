"""EcoTaxa bundles: tables (``ecotaxa*.tsv``) and images that https://ecotaxa.obs-vlfr.fr imports."""

from tidelab.formats.ecotaxa.errors import EcotaxaError
from tidelab.formats.ecotaxa.read import Bundle, Row, Table, read_bundle, read_table

__all__ = ["Bundle", "EcotaxaError", "Row", "Table", "read_bundle", "read_table"]
