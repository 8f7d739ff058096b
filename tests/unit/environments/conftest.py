"""A small checkout that `tidelab.paths` points to, with a registry that is a folder."""

from tests.support.small_checkout import checkout, quick

__all__ = ["checkout", "quick"]
