"""A folder that runs one use case without a network, e.g. on a ship: app, reports, and receipts to hand in later."""

from tidelab.containers.offline.bundle import Made, make_bundle
from tidelab.containers.offline.errors import BundleError

__all__ = ["BundleError", "Made", "make_bundle"]
