"""Settings of the legacy software, and vignettes."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zooscan.settings import ProcessSettings, SettingsError
from zooscan.vignette import BAR_GREY, FOOTER_PX, file_name, vignette_of

SHARED = (
    Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    / "data"
    / "zooscan"
)
LUT = "0\n65536\n1\nbefore\nyes\n1.8\n1.15\n3000\n"


def test_size_limits_are_those_of_the_legacy_software() -> None:
    assert (ProcessSettings().min_area_px, ProcessSettings().max_area_px) == (631, 70_120_652)


@pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"needs the real data at {SHARED}, which is not part of the project"
)
def test_a_real_configuration_is_read() -> None:
    config = SHARED / "zooprocess_lib/tests/data/project/config"
    read = ProcessSettings.from_config(
        (config / "process_install_both_config.txt").read_text(), (config / "lut.txt").read_text()
    )
    assert read == ProcessSettings()


def test_configured_values_are_used() -> None:
    read = ProcessSettings.from_config(
        "upper= 230\nresolution= 1200\nminsizeesd_mm= 0.5\nother= x\n", LUT.replace("yes", "no")
    )
    assert (read.upper_threshold, read.dpi, read.min_esd_mm, read.adjust_levels) == (230, 1200, 0.5, False)


@pytest.mark.parametrize(
    ("config", "lut", "words"),
    [
        ("upper= many", None, "upper"),
        ("upper= 243.5", None, "whole number"),
        ("resolution= 0", None, "dpi is 0"),
        ("resolution= nan", None, "resolution"),
        ("resolution= inf", None, "resolution"),
        ("minsizeesd_mm= 5\nmaxsizeesd_mm= 1", None, "max_esd_mm"),
        ("", "0\n65536", "2 lines"),
        ("", LUT.replace("yes", "perhaps"), "line 5"),
        ("", LUT.replace("1.8", "dark"), "line 6"),
    ],
)
def test_bad_settings_are_named(config: str, lut: str | None, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        ProcessSettings.from_config(config, lut)


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_text_gives_settings_or_words(config: str, lut: str) -> None:
    with suppress(SettingsError):
        ProcessSettings.from_config(config, lut)


def test_a_vignette_has_the_legacy_size_and_bar() -> None:
    mask = np.ones((100, 200), bool)
    mask[50, 60] = False
    sheet = vignette_of(np.full((100, 200), 90, np.uint8), mask, ProcessSettings())
    assert sheet.shape == (140 + FOOTER_PX, 280)
    assert (sheet == 90).sum() == 100 * 200 - 1
    bar = (sheet[140:] == BAR_GREY).sum(axis=1)
    assert bar.max() == 94  # 1 mm at 2400 dpi
    assert sheet[70, 100] == 255


def test_a_small_object_leaves_room_for_the_bar() -> None:
    sheet = vignette_of(np.zeros((10, 10), np.uint8), np.ones((10, 10), bool), ProcessSettings())
    assert sheet.shape == (14 + FOOTER_PX, 114)


def test_a_file_name_holds_the_box_in_hexadecimal() -> None:
    assert file_name("scan_1", 10, 20, 30, 40) == "scan_1_xAy14w1Eh28.png"


@pytest.mark.parametrize(("prefix", "x"), [("", 1), ("../a", 1), (".a", 1), ("a\\b", 1), ("a", -1)])
def test_a_bad_file_name_is_refused(prefix: str, x: int) -> None:
    with pytest.raises(ValueError, match=r"file name|negative"):
        file_name(prefix, x, 1, 1, 1)
