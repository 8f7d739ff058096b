"""A folder that runs one use case without a network, e.g. on a ship: app, reports, and receipts to hand in later."""

from tidelab.containers.offline.bundle import BundleError, Made, make_bundle

__all__ = ["BundleError", "Made", "make_bundle"]
