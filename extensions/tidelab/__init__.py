"""Tidelab: the toolkit used in kernels, runs, apps and reports."""

__version__ = "0.1.0"
