"""OBSEA fish: counts of detected fish over time, with effort.

The science is in `tidelab.science` (sun, picture_times, picture_quality, effort, abundance, block_bootstrap, audited_counts,
series_versions); the formats in `tidelab.formats`. Here a run becomes a series.
"""
