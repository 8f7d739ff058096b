"""Measurements as ImageJ makes them, to the last digit: its names, its corner rules, its rounding.

Written from the ImageJ User Guide (https://imagej.net/ij/docs/guide/) and ImageJ 1.x, which is in the public domain. Where the
usual library gives another number (perimeter, Feret diameter, fitted ellipse, bilinear resize), the reason is that ImageJ defines it
otherwise; tables that are compared with decades of ImageJ measurements need ImageJ's.
"""
