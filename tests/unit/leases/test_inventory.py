"""What nvidia-smi prints, read; and what is said when it prints something else. The texts are NVIDIA's format with made-up ids."""

import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.leases import Device, inventory

TABLE = """\
0, GPU-11111111-aaaa-bbbb-cccc-000000000000, NVIDIA A100-SXM4-80GB, 81920, Disabled
1, GPU-11111111-aaaa-bbbb-cccc-000000000001, NVIDIA A100-SXM4-80GB, 81920, Enabled
2, GPU-11111111-aaaa-bbbb-cccc-000000000002, NVIDIA RTX A4000, 16376, [N/A]
"""
LISTING = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000000)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000001)
  MIG 1g.10gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.40gb     Device  1: (UUID: MIG-GPU-11111111-aaaa-bbbb-cccc-000000000001/5/0)
GPU 2: NVIDIA RTX A4000 (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000002)
"""


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Return a function that puts an ``nvidia-smi`` on the path that prints these texts."""

    def put(table=TABLE, listing=LISTING, status=0, body=""):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (tmp_path / "table").write_text(table)
        (tmp_path / "listing").write_text(listing)
        program = folder / "nvidia-smi"
        program.write_text(
            f"#!/bin/sh\n{body}\ncase $1 in -L) cat {tmp_path}/listing;; *) cat {tmp_path}/table;; esac\nexit {status}\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return put


def test_cards_and_slices_of_this_machine(smi):
    smi()
    found = inventory.look("auto")
    assert found.words == "2 whole GPUs and 2 MIG slices."
    assert [(device.kind, device.index, device.profile, device.cdi) for device in found.devices] == [
        ("whole", 0, "", "nvidia.com/gpu=0"),
        ("whole", 2, "", "nvidia.com/gpu=2"),
        ("mig", 1, "1g.10gb", "nvidia.com/gpu=1:0"),
        ("mig", 1, "3g.40gb", "nvidia.com/gpu=1:1"),
    ]
    assert found.devices[0].memory_mb == 81_920
    assert found.devices[2].id == "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"
    assert found.devices[2].memory_mb == 10_240


def test_whole_cards_become_shared_and_slices_stay(smi):
    smi()
    assert [(device.kind, device.slots) for device in inventory.read("auto", 4)] == [
        *[("shared", 4)] * 2,
        *[("mig", 1)] * 2,
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "0 whole GPUs and 0 MIG slices."),
        ("No devices were found\n", "lines that were not understood: No devices were found."),
        ("0, GPU-1, A\n", "lines that were not understood"),
        ('0, GPU-1, "A', "lines that were not understood"),
    ],
)
def test_odd_tables_are_said(smi, table, words):
    smi(table, "")
    assert words in inventory.look("auto").words
    assert inventory.read("auto") == []


def test_mig_mode_without_slices_is_said(smi):
    smi(listing="")
    assert "In MIG mode and without a slice that can be leased: GPU-11111111" in inventory.look("auto").words


def test_a_driver_that_does_not_work_is_said(smi, monkeypatch):
    smi("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", status=9)
    assert inventory.look("auto").words.startswith(
        "No GPUs: nvidia-smi failed with status 9: NVIDIA-SMI has failed"
    )
    smi(body="exec sleep 30")
    monkeypatch.setattr(inventory, "TIMEOUT_S", 0.1)
    assert "did not answer within 0.1 s" in inventory.look("auto").words


def test_no_driver(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert inventory.look("auto") == inventory.Inventory(
        (), "No GPUs: nvidia-smi is not installed, so there is no NVIDIA driver."
    )


def test_simulated_and_none():
    assert [device.id for device in inventory.read("simulated:3")] == ["SIM-0", "SIM-1", "SIM-2"]
    assert all(device.simulated for device in inventory.read("simulated:3"))
    assert inventory.read("simulated:2", 4)[0] == Device(
        "SIM-0", "shared", "Simulated GPU", 0, 16_384, "", 4, "", True
    )
    assert inventory.read("none") == []


@given(st.one_of(st.text(max_size=20), st.text("0123456789-²", max_size=4).map("simulated:{}".format)))
@settings(max_examples=50)
def test_no_setting_raises(setting):
    if setting.strip() != "auto":
        found = inventory.look(setting)
        assert found.words
        assert len(found.devices) <= inventory.MOST_SIMULATED


@given(st.data())
@settings(max_examples=60)
def test_no_damage_to_what_the_driver_prints_raises(data):
    """Mutations: a piece cut out, a piece put in."""
    texts = []
    for text in (TABLE, LISTING):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        texts.append(text[:start] + data.draw(st.text(max_size=5)) + text[end:])
    cards, sliced, _ = inventory.parse_cards(texts[0])
    slices = inventory.parse_slices(texts[1], [card for card in cards if card.id in sliced])
    assert all(
        device.id.startswith(("GPU-", "MIG-")) and device.memory_mb >= 0 for device in [*cards, *slices]
    )
